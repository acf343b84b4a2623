// What is said of a model's folder in which something is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "tests/message_of.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/checkpoint.h"
#include "vlm/config.h"
#include "vlm/open_model.h"
#include "vlm/tokenizer.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

fs::path empty_folder() {
  const auto folder = fs::path(testing::TempDir()) / "model_messages";
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

fs::path copy_of(const std::string& golden) {
  const auto folder = empty_folder();
  fs::copy(golden_folder(golden), folder, fs::copy_options::recursive);
  return folder;
}

TEST(ModelMessages, AMissingTensorBlamesNoKeyOfTheConfiguration) {
  const auto folder = empty_folder();
  const SafetensorsFolder files(golden_folder("llava_base"));
  fs::copy(golden_folder("llava_base") / "config.json", folder / "config.json");
  const std::string name = "language_model.model.layers.0.self_attn.q_proj.weight";
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& item : files.names()) {
    if (item != name) tensors.emplace_back(item, files.tensor(item));
  }
  write_safetensors(folder / "model.safetensors", tensors);
  EXPECT_THAT(message_of([&] { load_llava(folder); }),
              AllOf(HasSubstr("the weights have no tensor"), HasSubstr("layers.0.self_attn.q_proj.weight"),
                    Not(HasSubstr("head_dim"))));
}

TEST(ModelMessages, TheFileThatIsWrongIsToBeRestored) {
  const auto folder = copy_of("llava_base");
  write_file_atomically(folder / "generation_config.json", R"({"repetition_penalty": "high"})");
  EXPECT_THAT(message_of([&] { read_llava_config(folder); }),
              AllOf(HasSubstr("generation_config.json: 'repetition_penalty' must be a number"),
                    HasSubstr("Restore the generation_config.json that came with the model.")));
}

TEST(ModelMessages, SpecialTokensThatAreNoTextAreNamed) {
  const auto folder = empty_folder();
  fs::copy(golden_folder("tokenizers/llama_legacy") / "tokenizer.json", folder / "tokenizer.json");
  const auto said = [&](const char* name, const char* text) {
    write_file_atomically(folder / name, text);
    return message_of([&] { Tokenizer::load(folder); });
  };
  for (const auto& [text, key] : {std::pair<const char*, const char*>{R"({"eos_token": 2})", "'eos_token'"},
                                  {R"({"bos_token": ["<s>"]})", "'bos_token'"},
                                  {R"({"pad_token": {"content": 3}})", "'pad_token'"},
                                  {R"({"unk_token": false})", "'unk_token'"}}) {
    EXPECT_THAT(said("tokenizer_config.json", text), AllOf(HasSubstr("tokenizer_config.json'"), HasSubstr(key)));
  }
  EXPECT_EQ(said("tokenizer_config.json", R"({"eos_token": null})"), "nothing was thrown");
  EXPECT_THAT(said("special_tokens_map.json", R"({"eos_token": 2})"),
              AllOf(HasSubstr("special_tokens_map.json'"), HasSubstr("'eos_token'")));
}

TEST(ModelMessages, ShardsOfPyTorchMayHoldWhatTheIndexGivesToAnother) {
  const auto folder = copy_of("assemble/vicuna");
  const auto index = folder / "pytorch_model.bin.index.json";
  auto tree = nlohmann::json::parse(read_file(index));
  auto& map = tree["weight_map"];
  const std::string name = "model.embed_tokens.weight", right = "pytorch_model-00001-of-00002.bin",
                    wrong = "pytorch_model-00002-of-00002.bin";
  ASSERT_EQ(std::exchange(map[name], wrong), right);
  write_file_atomically(index, tree.dump());
  testing::internal::CaptureStderr();
  const WeightFiles weights(folder);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), AllOf(HasSubstr(name), HasSubstr(right), HasSubstr(wrong)));
  EXPECT_TRUE(torch::equal(weights.tensor(name), WeightFiles(golden_folder("assemble/vicuna")).tensor(name)));
  map["nowhere"] = right;
  write_file_atomically(index, tree.dump());
  EXPECT_THAT(message_of([&] { WeightFiles{folder}; }), HasSubstr("tensor 'nowhere'"));
}

TEST(ModelMessages, AProcessorThatContradictsTheModelIsTold) {
  const auto folder = copy_of("llava_base");
  const auto config = read_llava_config(folder);
  const auto told = [&](std::int64_t patch, std::int64_t more, const char* strategy, const std::string& token) {
    const nlohmann::json tree = {{"patch_size", patch},
                                 {"num_additional_image_tokens", more},
                                 {"vision_feature_select_strategy", strategy},
                                 {"image_token", token}};
    write_file_atomically(folder / "processor_config.json", tree.dump());
    testing::internal::CaptureStderr();
    open_model(folder, {}, {});
    return testing::internal::GetCapturedStderr();
  };
  const auto patch = config.vision.patch_size;
  const auto token = *Tokenizer::load(folder).id_to_token(config.image_token_id);
  const char* right = config.keep_class_token ? "full" : "default";
  const char* wrong = config.keep_class_token ? "default" : "full";
  EXPECT_THAT(told(patch, 1, right, token), Not(HasSubstr("processor_config.json")));
  for (const auto& text :
       {told(2 * patch, 1, right, token), told(patch, 0, right, token), told(patch, 1, wrong, token)})
    EXPECT_THAT(text, AllOf(HasSubstr("processor_config.json: patch_size"), HasSubstr("config.json"),
                            HasSubstr(std::to_string(config.tokens_per_image()) + " (vision_config.patch_size")));
  EXPECT_THAT(told(patch, 1, right, "<picture>"),
              HasSubstr("image_token '<picture>' is not in the tokenizer, and image_token_index"));
  write_file_atomically(folder / "processor_config.json", R"({"patch_size": "14"})");
  EXPECT_THAT(message_of([&] { open_model(folder, {}, {}); }),
              HasSubstr("processor_config.json: 'patch_size' must be"));
}

}  // namespace
}  // namespace scalselect::vlm
