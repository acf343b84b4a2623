#include "trainer/pretrain/hf_files.h"

#include <fmt/format.h>

#include <array>

#include "core/files.h"
#include "core/options.h"
#include "data/mini/lexicon.h"
#include "data/mini/scene.h"
#include "trainer/pretrain/stream.h"

namespace scalselect::pretrain {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kSpecial = {"<unk>", "<s>", "</s>", "<pad>", "<image>"};

void write_json(const std::filesystem::path& file, const Json& tree) {
  write_file_atomically(file, tree.dump(2) + "\n");
}

Json added_token(const char* piece) {
  return {
      {"id", *mini::piece_id(piece)}, {"content", piece}, {"single_word", false}, {"lstrip", false}, {"rstrip", false},
      {"normalized", false},          {"special", true}};
}

Json special_tokens_map() {
  return {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"pad_token", "<pad>"}, {"unk_token", "<unk>"}};
}

Json tokenizer_config() {
  Json tree = special_tokens_map();
  tree["add_bos_token"] = true;
  tree["clean_up_tokenization_spaces"] = false;
  tree["image_token"] = "<image>";
  tree["model_max_length"] = 2048;
  tree["padding_side"] = "left";
  tree["tokenizer_class"] = "PreTrainedTokenizerFast";
  return tree;
}

Json preprocessor_config() {
  const Json edge = {{"shortest_edge", mini::kImageSize}};
  const Json square = {{"height", mini::kImageSize}, {"width", mini::kImageSize}};
  const auto three = [](double value) { return Json::array({value, value, value}); };
  return {{"image_processor_type", "CLIPImageProcessor"},
          {"do_convert_rgb", true},
          {"do_resize", true},
          {"size", edge},
          {"resample", 3},
          {"do_center_crop", true},
          {"crop_size", square},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255.0},
          {"do_normalize", true},
          {"image_mean", three(kPixelMean)},
          {"image_std", three(kPixelStd)}};
}

Json generation_config() {
  return {{"bos_token_id", *mini::piece_id("<s>")},
          {"eos_token_id", *mini::piece_id("</s>")},
          {"pad_token_id", *mini::piece_id("<pad>")},
          {"do_sample", false}};
}

}  // namespace

Json tokenizer_json() {
  Json added = Json::array();
  for (const char* piece : kSpecial) added.push_back(added_token(piece));
  Json vocabulary = Json::object();
  for (std::size_t id = 0; id < mini::lexicon().size(); ++id) vocabulary[mini::lexicon()[id]] = id;
  const Json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const auto sequence = [](const char* id) { return Json{{"Sequence", {{"id", id}, {"type_id", 0}}}}; };
  const std::int64_t bos_id = *mini::piece_id("<s>");
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", Json::array({bos, sequence("A")})},
            {"pair", Json::array({bos, sequence("A"), sequence("B")})},
            {"special_tokens",
             {{"<s>", {{"id", "<s>"}, {"ids", Json::array({bos_id})}, {"tokens", Json::array({"<s>"})}}}}}}},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "<unk>"},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 100},
            {"vocab", vocabulary}}}};
}

void write_processor_files(const std::filesystem::path& folder) {
  write_json(folder / "tokenizer.json", tokenizer_json());
  write_json(folder / "tokenizer_config.json", tokenizer_config());
  write_json(folder / "special_tokens_map.json", special_tokens_map());
  write_json(folder / "preprocessor_config.json", preprocessor_config());
  write_json(folder / "generation_config.json", generation_config());
}

void write_model_card(const std::filesystem::path& folder, const PretrainOptions& options, const Json& probes,
                      const std::string& table, std::int64_t parameters) {
  write_json(folder / "probes.json", probes);
  const std::string card = fmt::format(
      "# Mini VLM\n\n"
      "A LLaVA-shaped model ({:.1f} M parameters: CLIP vision tower, two-layer projector, Llama decoder) for 48 x 48\n"
      "pictures of the mini world. It was pre-trained on drawn pictures: per-patch labels for the tower, then short\n"
      "facts (\"circle color : red\") for the decoder. It has seen no instruction and no question.\n\n"
      "    scalselect mini pretrain out={} \n\n"
      "## Lookups on held-out scenes\n\nGreedy answers; the gate is {:.0f} %.\n\n```\n{}```\n\n"
      "## Options\n\n```json\n{}\n```\n",
      static_cast<double>(parameters) / 1e6, folder.filename().string(), 100 * probes.at("gate").get<double>(), table,
      dump_options(options).dump(2));
  write_file_atomically(folder / "README.md", card);
}

}  // namespace scalselect::pretrain
