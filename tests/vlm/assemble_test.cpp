// LLaVA put together from its parts, against transformers (golden/make_assemble.py).
#include "vlm/assemble.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "core/error.h"
#include "core/files.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/image_processor.h"
#include "vlm/tokenizer.h"
#include "vlm/torch_file.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

const fs::path kParts = golden_folder("assemble");

fs::path out_folder() {
  const char* keep = std::getenv("SCALSELECT_KEEP");  // for make_assemble.py check
  return keep ? fs::path(keep) : fs::path(testing::TempDir()) / "assembled";
}

AssembleSources sources(const char* llm) { return {kParts / llm, kParts / "clip", kParts / "mm_projector.bin", {}}; }

class Assemble : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Vicunas, Assemble, testing::Values("vicuna", "vicuna_safe"));

TEST_P(Assemble, GivesTransformersLogits) {
  const auto out = out_folder();
  const auto made = assemble_llava(sources(GetParam()), out);
  EXPECT_EQ(made.vocab_size, 640);
  EXPECT_EQ(made.image_token_id, 635);
  EXPECT_EQ(made.dtype, "float16");
  auto model = load_llava(out);
  const SafetensorsFile golden(kParts / "golden.safetensors");
  torch::NoGradGuard no_grad;
  const auto ids = golden.tensor("ids").clone();
  const auto visual = model->project(model->encode_images(golden.tensor("pixels").clone()));
  const auto logits = model->logits(model->decode(model->merge(model->embed(ids), ids, visual)));
  EXPECT_LT(relative_error(logits, golden.tensor("logits")), 1e-5);
}

TEST_P(Assemble, TokenizerAndProcessorAreReady) {
  const auto out = out_folder();
  assemble_llava(sources(GetParam()), out);
  const auto tokenizer = Tokenizer::load(out);
  EXPECT_EQ(tokenizer.path().filename(), "tokenizer.json");
  EXPECT_EQ(tokenizer.token_to_id("<image>"), 635);
  EXPECT_EQ(tokenizer.pad_id(), 636);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  const auto source = Tokenizer::load(kParts / GetParam());
  const std::string text = "What is  this? \xf0\x9f\x98\x80</s>x";
  EXPECT_EQ(tokenizer.encode(text).ids, source.encode(text).ids);
  EXPECT_EQ(tokenizer.encode("a<image>", false).ids.back(), 635);
  EXPECT_EQ(ImageProcessor::load(out).options().crop_width, 16);
}

TEST(AssembleDtype, CanBeChosen) {
  auto from = sources("vicuna");
  from.dtype = "bfloat16";
  EXPECT_EQ(assemble_llava(from, out_folder()).dtype, "bfloat16");
  EXPECT_EQ(WeightFiles(out_folder()).tensor("lm_head.weight").scalar_type(), torch::kBFloat16);
}

TEST(AssembleRefusals, NameTheFile) {
  const auto scratch = fs::path(testing::TempDir()) / "assemble_bad";
  fs::remove_all(scratch);
  fs::copy(kParts, scratch, fs::copy_options::recursive);
  AssembleSources from{scratch / "vicuna", scratch / "clip", scratch / "mm_projector.bin", {}};
  const auto message = [&]() -> std::string {
    try {
      assemble_llava(from, scratch / "out");
    } catch (const UserError& error) {
      return error.problem();
    }
    return "assembled";
  };
  EXPECT_EQ(message(), "assembled");
  from.projector = scratch / "clip";
  EXPECT_THAT(message(), AllOf(HasSubstr("clip"), HasSubstr("multi_modal_projector.linear_1.weight")));
  from.projector = scratch / "mm_projector.bin";
  from.tower = scratch / "vicuna";
  EXPECT_THAT(message(), HasSubstr("preprocessor_config.json"));
  from.tower = scratch / "clip";
  fs::remove(scratch / "vicuna" / "pytorch_model-00002-of-00002.bin");
  EXPECT_THAT(message(), AllOf(HasSubstr("Cannot read"), HasSubstr("pytorch_model-00002-of-00002.bin")));
  write_file_atomically(scratch / "vicuna" / "config.json", R"({"model_type": "mistral"})");
  EXPECT_THAT(message(), AllOf(HasSubstr("vicuna/config.json"), HasSubstr("'mistral'")));
  fs::remove(scratch / "vicuna" / "tokenizer.model");
  EXPECT_THAT(message(), HasSubstr("tokenizer.json"));
}

}  // namespace
}  // namespace scalselect::vlm
