#include "vlm/assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/files.h"
#include "vlm/assemble_tokenizer.h"
#include "vlm/checkpoint.h"
#include "vlm/image_processor.h"
#include "vlm/safetensors_stream.h"
#include "vlm/tokenizers/files.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kRowMultiple = 64;  // HF's conversion pads the vocabulary to this

const std::string kEmbeddings = "model.language_model.embed_tokens.weight", kHead = "lm_head.weight";

/// The vision part of CLIP's config.json: of the whole model, or of the tower alone.
json vision_config(const fs::path& folder) {
  const auto tree = tok::read_object(folder / "config.json");
  return tree.contains("vision_config") && tree["vision_config"].is_object() ? tree["vision_config"] : tree;
}

LlavaConfig read_config(const AssembleSources& sources, const AddedVocabulary& added) {
  json tree = {{"model_type", "llava"}};
  tree["text_config"] = tok::read_object(sources.llm / "config.json");
  tree["vision_config"] = vision_config(sources.tower);
  tree["vision_config"].emplace("model_type", "clip_vision_model");
  auto& rows = tree["text_config"]["vocab_size"];
  if (!rows.is_number_integer() || rows.get<std::int64_t>() <= 0) rows = 32000;
  const auto last = std::max(added.image_id, added.pad_id);
  rows = std::max(rows.get<std::int64_t>(), (last + kRowMultiple) / kRowMultiple * kRowMultiple);
  tree["image_token_index"] = added.image_id;
  tree["pad_token_id"] = added.pad_id;
  const auto files = fmt::format("{} (text_config) with {} (vision_config)", (sources.llm / "config.json").string(),
                                 (sources.tower / "config.json").string());
  return parse_llava_config(tree, files);
}

/// Names in the three sources for the model's own names.
class Sources {
 public:
  explicit Sources(const AssembleSources& places)
      : llm_(places.llm), tower_(places.tower), projector_(places.projector) {
    for (const auto& name : llm_.names()) add(canonical_tensor_name(name), llm_, name);
    for (const auto& name : tower_.names()) {
      if (name.starts_with("vision_model.")) add("model.vision_tower." + name, tower_, name);
    }
    for (const auto& name : projector_.names()) add_projector(name);
  }

  bool has(const std::string& name) const { return found_.contains(name); }

  torch::Tensor tensor(const std::string& name) const {
    const auto found = found_.find(name);
    if (found != found_.end()) return found->second.first->tensor(found->second.second);
    const auto& place = name.starts_with("model.vision_tower.")            ? tower_
                        : name.starts_with("model.multi_modal_projector.") ? projector_
                                                                           : llm_;
    throw UserError(ErrorKind::kInput, fmt::format("'{}' holds no tensor for '{}'", place.path().string(), name),
                    "The folder's weights do not belong to its config.json, or a file was not downloaded in full.");
  }

 private:
  void add(const std::string& name, const WeightFiles& files, const std::string& stored) {
    found_.emplace(name, std::pair(&files, stored));
  }

  void add_projector(const std::string& name) {
    const std::string key = "mm_projector.";
    const auto at = name.find(key);
    if (at == std::string::npos) return;
    const auto inner = name.substr(at + key.size());
    if (inner == "weight") {
      throw UserError(ErrorKind::kInput,
                      fmt::format("'{}' holds the linear projector of LLaVA 1.0", projector_.path().string()),
                      "Take the two-layer projector of LLaVA 1.5 (mlp2x_gelu).");
    }
    add(canonical_tensor_name("model.mm_projector." + inner), projector_, name);
  }

  WeightFiles llm_, tower_, projector_;
  std::map<std::string, std::pair<const WeightFiles*, std::string>> found_;
};

std::string sizes_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

/// Rows beyond those given are the mean of all given, summed in float64.
torch::Tensor extend(const torch::Tensor& table, std::int64_t rows) {
  if (table.size(0) == rows) return table;
  auto out = torch::empty({rows, table.size(1)}, table.options());
  out.narrow(0, 0, table.size(0)).copy_(table);
  const std::int64_t down = 0;
  const auto mean = table.mean(at::IntArrayRef(down), /*keepdim=*/true, torch::kFloat64);
  out.narrow(0, table.size(0), rows - table.size(0)).copy_(mean);
  return out;
}

bool fits(const torch::Tensor& found, at::IntArrayRef expected, bool extendable) {
  if (!extendable || found.dim() != 2 || expected.size() != 2) return found.sizes() == expected;
  return found.size(0) > 0 && found.size(0) <= expected[0] && found.size(1) == expected[1];
}

/// The tensor that is written for `name`, made when it is written; its shape is checked now.
LazyTensor plan(const Sources& sources, const std::string& name, at::IntArrayRef shape, torch::ScalarType type) {
  const bool table = name == kEmbeddings || name == kHead;
  const auto found = sources.tensor(name);
  if (!fits(found, shape, table)) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("tensor '{}' has shape {}, but the config.json asks for {}", name,
                                sizes_text(found.sizes()), sizes_text(shape)),
                    "The parts do not belong together.");
  }
  return {name, type, shape.vec(), [&sources, name, type, table, rows = shape.empty() ? 0 : shape[0]] {
            const auto stored = sources.tensor(name);
            return (table ? extend(stored, rows) : stored).to(type);
          }};
}

std::string dtype_name(torch::ScalarType type) {
  return type == torch::kBFloat16 ? "bfloat16" : type == torch::kHalf ? "float16" : "float32";
}

void write_json(const fs::path& file, const nlohmann::ordered_json& tree) {
  write_file_atomically(file, tree.dump(2) + "\n");
}

void write_small_files(const AssembleSources& sources, const LlavaConfig& config, const fs::path& out) {
  write_json(out / "config.json", write_llava_config(config));
  nlohmann::ordered_json generation = {{"bos_token_id", config.text.bos_token_id},
                                       {"eos_token_id", config.text.eos_token_ids},
                                       {"pad_token_id", *config.pad_token_id}};
  if (config.text.eos_token_ids.size() == 1) generation["eos_token_id"] = config.text.eos_token_ids.front();
  write_json(out / "generation_config.json", generation);
  write_json(out / "processor_config.json", {{"processor_class", "LlavaProcessor"},
                                             {"image_token", kImageToken},
                                             {"patch_size", config.vision.patch_size},
                                             {"vision_feature_select_strategy", "default"},
                                             {"num_additional_image_tokens", 1}});
  write_file_atomically(out / "preprocessor_config.json", read_file(sources.tower / "preprocessor_config.json"));
}

}  // namespace

AssembledModel assemble_llava(const AssembleSources& sources, const fs::path& out) {
  ImageProcessor::load(sources.tower);  // whether it can be used
  const auto added = plan_tokenizer(sources.llm);
  auto config = read_config(sources, added);
  const Sources weights(sources);
  if (!weights.has(kHead)) config.text.tie_word_embeddings = true;
  const auto type = sources.dtype ? weight_dtype(*sources.dtype) : weights.tensor(kEmbeddings).scalar_type();
  config.dtype = dtype_name(type);

  AssembledModel result{0, 0, config.text.vocab_size, added.image_id, config.dtype};
  std::vector<LazyTensor> planned;
  {
    const LlavaModel names(config);  // its weights are never touched, so they take no memory
    for (const auto& item : names->named_parameters()) {
      planned.push_back(plan(weights, item.key(), item.value().sizes(), type));
      result.parameters += item.value().numel();
    }
  }
  result.tensors = static_cast<std::int64_t>(planned.size());
  ensure_folder(out);
  write_tokenizer(sources.llm, added, out);
  write_small_files(sources, config, out);
  stream_safetensors(out / "model.safetensors", planned);
  return result;
}

}  // namespace scalselect::vlm
