// Configs, checkpoints and linear layers with LoRA branches.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "tests/message_of.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/image_processor.h"
#include "vlm/open_model.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / ("scalselect_model_" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Scratch() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(LlavaConfig, SizesThatThePublishedFileLeavesOut) {
  const auto config = parse_llava_config(json::parse(R"({
    "model_type": "llava", "image_token_index": 32000, "pad_token_id": 32001, "vision_feature_layer": -2,
    "text_config": {"model_type": "llama", "vocab_size": 32064, "rms_norm_eps": 1e-05, "torch_dtype": "float16",
                    "max_position_embeddings": 4096},
    "vision_config": {"model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096,
                      "image_size": 336, "patch_size": 14, "num_hidden_layers": 24, "num_attention_heads": 16,
                      "projection_dim": 768, "vocab_size": 32000}})"),
                                         "config.json");
  EXPECT_EQ(config.text.hidden_size, 4096);
  EXPECT_EQ(config.text.num_hidden_layers, 32);
  EXPECT_EQ(config.text.num_key_value_heads, 32);
  EXPECT_EQ(config.text.head_dim, 128);
  EXPECT_DOUBLE_EQ(config.text.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.tokens_per_image(), 576);
  EXPECT_EQ(config.tower_layers_needed(), 23);
  EXPECT_EQ(config.projector_act, "gelu");
  EXPECT_FALSE(config.text.tie_word_embeddings);
}

TEST(LlavaConfig, WithoutVisionConfigItIsTheLargeTower) {
  const auto config = parse_llava_config(json::parse(R"({"model_type": "llava", "image_token_index": 31999})"), "c");
  EXPECT_EQ(config.vision.hidden_size, 1024);
  EXPECT_EQ(config.tokens_per_image(), 576);
}

TEST(LlavaConfig, NewerKeyNames) {
  const auto config =
      parse_llava_config(json::parse(R"({"model_type": "llava", "image_token_id": 7, "dtype": "bfloat16",
    "vision_feature_layer": [-2, 3], "vision_feature_select_strategy": "full",
    "text_config": {"eos_token_id": [2, 5], "rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}}})"),
                         "c");
  EXPECT_EQ(config.image_token_id, 7);
  EXPECT_EQ(config.dtype, "bfloat16");
  EXPECT_THAT(config.feature_layers(), testing::ElementsAre(23, 3));
  EXPECT_EQ(config.feature_size(), 2048);
  EXPECT_EQ(config.tokens_per_image(), 577);
  EXPECT_DOUBLE_EQ(config.text.rope_theta, 500.0);
  EXPECT_THAT(config.text.eos_token_ids, testing::ElementsAre(2, 5));
}

TEST(LlavaConfig, RoundTrip) {
  for (const char* name : {"llava_base", "llava_variant"}) {
    const auto first = write_llava_config(read_llava_config(golden_folder(name)));
    EXPECT_EQ(write_llava_config(parse_llava_config(json(first), "written")), first);
  }
}

/// As transformers: the text model's own key decides, so that a head among the weights is not replaced.
TEST(LlavaConfig, OnlyTheTextModelTiesItsHead) {
  const auto tied = [](const char* text) {
    return parse_llava_config(json::parse(text), "c").text.tie_word_embeddings;
  };
  EXPECT_FALSE(tied(R"({"model_type": "llava", "tie_word_embeddings": true, "image_token_index": 7})"));
  EXPECT_TRUE(tied(R"({"model_type": "llava", "image_token_index": 7, "text_config": {"tie_word_embeddings": true}})"));
}

TEST(LlavaConfig, Refusals) {
  const auto parse = [](const char* text) {
    return message_of([&] { parse_llava_config(json::parse(text), "dir/config.json"); });
  };
  EXPECT_THAT(parse(R"({"model_type": "blip"})"),
              AllOf(HasSubstr("dir/config.json"), HasSubstr("'blip'"), HasSubstr("'llava'")));
  EXPECT_THAT(parse(R"({})"), AllOf(HasSubstr("no model_type"), HasSubstr("'llava'")));
  EXPECT_THAT(parse(R"({"model_type": "llava", "text_config": {"hidden_size": "big"}})"),
              AllOf(HasSubstr("text_config.hidden_size"), HasSubstr("an integer")));
  EXPECT_THAT(parse(R"({"model_type": "llava", "text_config": {"model_type": "mistral"}})"), HasSubstr("'mistral'"));
  EXPECT_THAT(parse(R"({"model_type": "llava", "text_config": {"rope_scaling": {"type": "linear", "factor": 2}}})"),
              HasSubstr("'linear'"));
  EXPECT_THAT(parse(R"({"model_type": "llava", "vision_feature_layer": 30})"), HasSubstr("vision_feature_layer"));
  EXPECT_THAT(parse(R"({"model_type": "llava", "image_token_index": 40000})"),
              HasSubstr("below text_config.vocab_size"));
}

TEST(TensorNames, EveryLayoutHasOneCanonicalName) {
  const auto canonical = canonical_tensor_name;
  EXPECT_EQ(canonical("language_model.model.layers.0.mlp.up_proj.weight"),
            "model.language_model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(canonical("language_model.lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(canonical("vision_tower.vision_model.post_layernorm.bias"),
            "model.vision_tower.vision_model.post_layernorm.bias");
  EXPECT_EQ(canonical("model.vision_tower.vision_tower.vision_model.a"), "model.vision_tower.vision_model.a");
  EXPECT_EQ(canonical("vision_tower.embeddings.class_embedding"),
            "model.vision_tower.vision_model.embeddings.class_embedding");
  EXPECT_EQ(canonical("model.mm_projector.2.bias"), "model.multi_modal_projector.linear_2.bias");
  EXPECT_EQ(canonical("visual.blocks.0.attn.qkv.weight"), "model.visual.blocks.0.attn.qkv.weight");
  EXPECT_EQ(canonical("model.visual.merger.ln_q.weight"), "model.visual.merger.ln_q.weight");
  EXPECT_EQ(canonical("model.norm.weight"), "model.language_model.norm.weight");
  EXPECT_EQ(canonical("model.language_model.norm.weight"), "model.language_model.norm.weight");
  EXPECT_EQ(canonical("lm_head.weight"), "lm_head.weight");
}

TEST(Checkpoint, SavedAndLoadedAgainToTheBit) {
  const Scratch scratch;
  for (const char* name : {"llava_base", "llava_variant"}) {
    LoadOptions whole;
    whole.needed_tower_only = false;
    auto model = load_llava(golden_folder(name), whole);
    save_llava(scratch.path(), model);
    auto again = load_llava(scratch.path(), whole);
    const auto before = model->named_parameters(), after = again->named_parameters();
    ASSERT_EQ(before.keys(), after.keys());
    for (const auto& item : before) EXPECT_TRUE(torch::equal(item.value(), after[item.key()])) << item.key();
    EXPECT_EQ(write_llava_config(model->config()), write_llava_config(again->config()));
  }
}

TEST(Checkpoint, HalfPrecisionOnDisk) {
  const Scratch scratch;
  LoadOptions whole;
  whole.needed_tower_only = false;
  save_llava(scratch.path(), load_llava(golden_folder("llava_base"), whole), torch::kBFloat16);
  const SafetensorsFolder files(scratch.path());
  EXPECT_EQ(files.tensor("lm_head.weight").scalar_type(), torch::kBFloat16);
  EXPECT_EQ(read_llava_config(scratch.path()).dtype, "bfloat16");
  EXPECT_EQ(load_llava(scratch.path())->dtype(), torch::kFloat32);
}

TEST(Checkpoint, MissingAndMisshapenTensors) {
  const Scratch scratch;
  const auto source = golden_folder("llava_base");
  const SafetensorsFolder files(source);
  fs::copy(source / "config.json", scratch.path() / "config.json");
  const auto write = [&](const std::string& leave_out, const std::string& reshape) {
    std::vector<std::pair<std::string, torch::Tensor>> tensors;
    for (const auto& name : files.names()) {
      if (name == leave_out) continue;
      tensors.emplace_back(name, name == reshape ? files.tensor(name).slice(0, 1).contiguous() : files.tensor(name));
    }
    write_safetensors(scratch.path() / "model.safetensors", tensors);
  };
  const std::string name = "language_model.model.layers.2.mlp.up_proj.weight";
  write(name, "");
  EXPECT_THAT(
      message_of([&] { load_llava(scratch.path()); }),
      AllOf(HasSubstr(scratch.path().string()), HasSubstr("layers.2.mlp.up_proj.weight"), HasSubstr("missing")));
  auto shorter = json::parse(read_file(source / "config.json"));
  shorter["text_config"]["num_hidden_layers"] = 2;
  write_file_atomically(scratch.path() / "config.json", shorter.dump());
  testing::internal::CaptureStderr();
  EXPECT_NO_THROW(load_llava(scratch.path()));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("3 decoder layers, of which its config.json asks for 2"));
  fs::copy(source / "config.json", scratch.path() / "config.json", fs::copy_options::overwrite_existing);
  LoadOptions first_layers;
  first_layers.parts.decoder_layers = 2;
  EXPECT_NO_THROW(load_llava(scratch.path(), first_layers));
  write("", name);
  EXPECT_THAT(message_of([&] { load_llava(scratch.path()); }),
              AllOf(HasSubstr(name), HasSubstr("[47, 32]"), HasSubstr("[48, 32]")));
}

TEST(Checkpoint, WeightsThatAreNoNumbersAreRefused) {
  const Scratch scratch;
  const SafetensorsFolder files(golden_folder("llava_base"));
  fs::copy(golden_folder("llava_base") / "config.json", scratch.path() / "config.json");
  const std::string name = "language_model.model.layers.1.mlp.up_proj.weight";
  const auto message_with = [&](float value) {
    std::vector<std::pair<std::string, torch::Tensor>> tensors;
    for (const auto& item : files.names()) tensors.emplace_back(item, files.tensor(item).clone());
    for (auto& [key, tensor] : tensors) {
      if (key == name) tensor[3].fill_(value);
    }
    write_safetensors(scratch.path() / "model.safetensors", tensors);
    return message_of([&] { load_llava(scratch.path()); });
  };
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    EXPECT_THAT(message_with(bad),
                AllOf(HasSubstr(scratch.path().string()), HasSubstr(name), HasSubstr("NaN or infinity")));
  }
  EXPECT_EQ(message_with(3e38f), "nothing was thrown");  // finite, though the sum is not
}

/// A copy of a golden folder with one value of its config.json changed; what loading it says.
std::string message_with(const Scratch& scratch, const std::string& folder, const std::string& key, const json& value) {
  fs::remove_all(scratch.path());
  fs::copy(golden_folder(folder), scratch.path(), fs::copy_options::recursive);
  auto tree = json::parse(read_file(scratch.path() / "config.json"));
  tree[json::json_pointer(key)] = value;
  write_file_atomically(scratch.path() / "config.json", tree.dump());
  return message_of([&] { load_vlm(scratch.path()); });
}

TEST(Checkpoint, SizesThatTheWeightsDoNotHaveAreRefusedBeforeAnythingIsBuilt) {
  const Scratch scratch;
  const std::int64_t giant = 1'000'000'000;
  const std::vector<std::int64_t> layers(100'000, -2), deep(100'000, 0);
  const std::vector<std::tuple<const char*, const char*, json>> cases = {
      {"llava_base", "/vision_config/num_channels", giant},
      {"llava_base", "/vision_config/num_hidden_layers", giant},
      {"llava_base", "/vision_config/intermediate_size", giant},
      {"llava_base", "/vision_config/image_size", 8'000'000},
      {"llava_base", "/text_config/head_dim", giant},
      {"llava_base", "/text_config/hidden_size", giant},
      {"llava_base", "/text_config/intermediate_size", giant},
      {"llava_base", "/text_config/num_hidden_layers", giant},
      {"llava_base", "/text_config/vocab_size", std::int64_t{1} << 31},
      {"llava_base", "/text_config/vocab_size", giant},
      {"llava_base", "/vision_feature_layer", layers},
      {"qwen3_base", "/vision_config/depth", giant},
      {"qwen3_base", "/vision_config/intermediate_size", giant},
      {"qwen3_base", "/vision_config/deepstack_visual_indexes", deep},
      {"qwen3_base", "/vision_config/spatial_merge_size", giant},
      {"qwen3_base", "/text_config/num_hidden_layers", giant}};
  for (const auto& [folder, key, value] : cases) {
    std::string name = std::string(key).substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    EXPECT_THAT(message_with(scratch, folder, key, value), AllOf(HasSubstr("config.json"), HasSubstr(name))) << key;
  }
  EXPECT_EQ(message_with(scratch, "llava_base", "/note", nullptr), "nothing was thrown");
}

TEST(Checkpoint, WrongTypesInTheConfigurationNameFileAndKey) {
  const Scratch scratch;
  for (const char* key : {"/text_config/rope_parameters", "/text_config/eos_token_id", "/text_config/rms_norm_eps",
                          "/vision_config/hidden_act", "/vision_feature_layer"}) {
    for (const json& wrong : {json("x"), json(true), json({{"rope_theta", "x"}}), json::array({"x"})}) {
      if (wrong.is_string() && std::string(key).ends_with("act")) continue;
      const auto name = std::string(key).substr(std::string(key).rfind('/') + 1);
      EXPECT_THAT(message_with(scratch, "llava_base", key, wrong), AllOf(HasSubstr("config.json"), HasSubstr(name)));
    }
  }
}

TEST(Checkpoint, QuantisedWeightsAreNamedNotCalledDamaged) {
  const Scratch scratch;
  const SafetensorsFile files(golden_folder("llava_base") / "model.safetensors");
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& name : files.names()) {
    tensors.emplace_back(name, name.ends_with("layers.0.self_attn.q_proj.weight")
                                   ? files.tensor(name).reshape({-1}).to(torch::kByte)  // as 4-bit weights are packed
                                   : files.tensor(name));
  }
  write_safetensors(scratch.path() / "model.safetensors", tensors);
  auto tree = json::parse(read_file(golden_folder("llava_base") / "config.json"));
  tree["quantization_config"] = {{"quant_method", "bitsandbytes"}};
  write_file_atomically(scratch.path() / "config.json", tree.dump());
  EXPECT_THAT(message_of([&] { load_vlm(scratch.path()); }),
              AllOf(HasSubstr("quantised"), HasSubstr("'bitsandbytes'"), HasSubstr("q_proj")));
  fs::copy(golden_folder("llava_base") / "model.safetensors", scratch.path() / "model.safetensors",
           fs::copy_options::overwrite_existing);
  testing::internal::CaptureStderr();
  EXPECT_NO_THROW(load_vlm(scratch.path()));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("quant_method 'bitsandbytes'"));
  write_file_atomically(scratch.path() / "model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(message_of([&] { load_vlm(scratch.path()); }), HasSubstr("is a Git LFS pointer"));
}

/// LLM.int8 keeps the shape of a weight, so that its codes would fit.
TEST(Checkpoint, IntegersAreNoWeights) {
  const Scratch scratch;
  const SafetensorsFile files(golden_folder("llava_base") / "model.safetensors");
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& name : files.names()) {
    tensors.emplace_back(name, name.ends_with("layers.0.self_attn.q_proj.weight") ? files.tensor(name).to(torch::kInt8)
                                                                                  : files.tensor(name));
  }
  write_safetensors(scratch.path() / "model.safetensors", tensors);
  auto tree = json::parse(read_file(golden_folder("llava_base") / "config.json"));
  for (const bool named : {false, true}) {
    if (named) tree["quantization_config"] = {{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}};
    write_file_atomically(scratch.path() / "config.json", tree.dump());
    EXPECT_THAT(message_of([&] { load_vlm(scratch.path()); }),
                AllOf(HasSubstr("q_proj"), HasSubstr("codes of quantised")));
  }
}

TEST(Checkpoint, SaysWhyAFolderIsNotAModel) {
  const Scratch scratch;
  const auto message = [&](const fs::path& folder) { return message_of([&] { read_model_config(folder); }); };
  EXPECT_THAT(message(scratch.path()), HasSubstr("has no config.json"));
  EXPECT_THAT(message(scratch.path() / "org/name"),
              AllOf(HasSubstr("There is no model folder"), HasSubstr("hf download")));
  write_file_atomically(scratch.path() / "adapter_config.json", "{}");
  EXPECT_THAT(message(scratch.path()), HasSubstr("holds an adapter"));
  EXPECT_THAT(message(scratch.path() / "adapter_config.json"), HasSubstr("is a file"));
}

TEST(Processor, ReadsWhatTransformers5Writes) {
  const Scratch scratch;
  auto tree = json::parse(read_file(golden_folder("llava_base") / "preprocessor_config.json"));
  const auto write = [&](const char* name, const json& content) {
    fs::remove(scratch.path() / "processor_config.json");
    write_file_atomically(scratch.path() / name, content.dump());
  };
  EXPECT_THAT(message_of([&] { ImageProcessor::load(scratch.path()); }),
              AllOf(HasSubstr("preprocessor_config.json"), HasSubstr("processor_config.json")));
  write("processor_config.json", {{"image_processor", tree}, {"processor_class", "LlavaProcessor"}});
  const auto expected = ImageProcessor::load(golden_folder("llava_base")).options();
  const auto found = ImageProcessor::load(scratch.path()).options();
  EXPECT_EQ(found.mean, expected.mean);
  EXPECT_EQ(found.crop_width, expected.crop_width);
  EXPECT_EQ(found.shortest_edge, expected.shortest_edge);
  tree["do_convert_rgb"] = tree["do_rescale"] = nullptr;  // null is absent
  write("preprocessor_config.json", tree);
  EXPECT_EQ(ImageProcessor::load(scratch.path()).options().crop_width, expected.crop_width);
  for (const char* type : {"LlavaImageProcessor", "LlavaImageProcessorFast", "CLIPImageProcessor"}) {
    auto padding = tree;
    padding["image_processor_type"] = type;
    padding["do_pad"] = true;
    write("preprocessor_config.json", padding);
    EXPECT_EQ(ImageProcessor::load(scratch.path()).options().pad_to_square, type[0] == 'L') << "CLIP's has no such key";
  }
  for (const char* key : {"size", "crop_size", "image_mean", "do_normalize", "resample"}) {
    auto wrong = tree;
    wrong[key] = key == std::string("do_normalize") ? json(3.5) : json(100'000'000'000'000);
    write("preprocessor_config.json", wrong);
    EXPECT_THAT(message_of([&] { ImageProcessor::load(scratch.path()); }),
                AllOf(HasSubstr("preprocessor_config.json"), HasSubstr(std::string("'") + key + "'")));
  }
}

TEST(Processor, PatchesOfAnotherShapeThanTheTowersAreRefused) {
  for (const char* key : {"patch_size", "merge_size", "temporal_patch_size"}) {
    const Scratch scratch;
    const auto folder = scratch.path() / "model";
    fs::copy(golden_folder("qwen3_base"), folder);
    auto tree = json::parse(read_file(folder / "preprocessor_config.json"));
    tree[key] = 8;
    write_file_atomically(folder / "preprocessor_config.json", tree.dump());
    EXPECT_THAT(message_of([&] { open_model(folder, {}, {}); }),
                AllOf(HasSubstr(fmt::format("the image processor's '{}' is 8, and 'vision_config.", key)),
                      HasSubstr("in config.json is")));
  }
}

TEST(Linear, LoraBranch) {
  torch::manual_seed(1);
  Linear layer(6, 4, true);
  layer->weight.data().normal_();
  layer->bias.data().normal_();
  const auto x = torch::randn({3, 6});
  const auto plain = layer(x).detach();
  layer->attach_lora(2, 0.5, 0.0);
  EXPECT_TRUE(torch::equal(layer(x), plain));  // B is zero
  EXPECT_LE(layer->lora_A.abs().max().item<double>(), 1 / std::sqrt(6.0));
  EXPECT_TRUE(layer->named_parameters().contains("lora_A"));
  layer->lora_B.data().normal_();
  const auto expected = plain + 0.5 * torch::mm(torch::mm(x, layer->lora_A.t()), layer->lora_B.t());
  const auto branched = layer(x).detach();
  EXPECT_TRUE(torch::allclose(branched, expected, 1e-6, 1e-6));
  layer->merge_lora();
  EXPECT_FALSE(layer->has_lora());
  EXPECT_FALSE(layer->named_parameters().contains("lora_A"));
  EXPECT_TRUE(torch::allclose(layer(x), branched, 1e-5, 1e-6));
}

TEST(Linear, LoraOverBfloatKeepsItsOwnPrecision) {
  Linear layer(6, 4, false);
  layer->weight.data().normal_();
  layer->to(torch::kBFloat16);
  layer->attach_lora(2, 1.0, 0.0);
  EXPECT_EQ(layer->lora_A.scalar_type(), torch::kFloat32);
  EXPECT_EQ(layer(torch::randn({3, 6}).to(torch::kBFloat16)).scalar_type(), torch::kBFloat16);
}

}  // namespace
}  // namespace scalselect::vlm
