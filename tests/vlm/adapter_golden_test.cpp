// Adapters in both directions against PEFT (golden/make_adapters.py).
#include <gmock/gmock.h>

#include <cstdlib>

#include "core/files.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/adapter.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;

const fs::path kAdapters = golden_folder("adapters");

torch::Tensor logits(Golden& golden) {
  torch::NoGradGuard no_grad;
  return golden.model->logits(golden.model->decode(golden.merged(0)));
}

class PeftAdapter : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, PeftAdapter, testing::Values("list", "regex", "older", "tower"));

TEST_P(PeftAdapter, GivesPeftsLogitsAttachedAndMerged) {
  const SafetensorsFile expected(kAdapters / "golden.safetensors");
  const std::string name = GetParam() == std::string("older") ? "list" : GetParam();
  for (const bool merge : {false, true}) {
    Golden golden("llava_base");
    EXPECT_GT(relative_error(logits(golden), expected.tensor("logits." + name)), 1e-2);
    load_adapter(kAdapters / GetParam(), golden.model, merge);
    EXPECT_LT(relative_error(logits(golden), expected.tensor((merge ? "merged." : "logits.") + name)), 1e-5);
  }
}

/// Values that depend on nothing but their place.
void fill(torch::Tensor tensor, std::int64_t salt) {
  const auto steps = torch::arange(tensor.numel(), torch::kInt64).mul(37).add(salt).remainder(101).sub(50);
  tensor.copy_(steps.to(torch::kFloat32).div(250).view(tensor.sizes()));
}

/// An rsLoRA adapter on three linears a layer, and a projector in full.
AdapterSpec adapt(LlavaModel& model) {
  AdapterSpec spec;
  spec.r = 5;
  spec.alpha = 4;
  spec.use_rslora = true;
  spec.target_modules = {"q_proj", "v_proj", "down_proj"};
  spec.modules_to_save = {"multi_modal_projector"};
  spec.base_model = "llava_base";
  attach_adapter(model, spec);
  torch::NoGradGuard no_grad;
  std::int64_t salt = 0;
  for (auto& item : model->named_parameters()) {
    if (item.key().find(".lora_") != std::string::npos || item.key().find("linear_2") != std::string::npos) {
      fill(item.value().detach(), ++salt);
    }
  }
  return spec;
}

TEST(PeftGolden, LoadsWhatWeWrite) {
  Golden golden("llava_base");
  const auto spec = adapt(golden.model);
  const char* keep = std::getenv("SCALSELECT_KEEP");  // for make_adapters.py
  const auto written = keep ? fs::path(keep) : fs::path(testing::TempDir()) / "adapter_ours";
  save_adapter(written, golden.model, spec);
  for (const char* file : {"adapter_config.json", "adapter_model.safetensors"}) {
    EXPECT_EQ(read_file(written / file), read_file(kAdapters / "ours" / file)) << file;
  }
  const SafetensorsFile expected(kAdapters / "golden.safetensors");
  EXPECT_LT(relative_error(logits(golden), expected.tensor("logits.ours")), 1e-5);
}

}  // namespace
}  // namespace scalselect::vlm
