#include "vlm/tokenizers/files.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "data/python_json.h"
#include "vlm/tokenizers/sentencepiece.h"

namespace scalselect::vlm::tok {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kMaxDepth = 100;  // of lists and objects; trees are copied and read by recursion

bool flag(const Json& config, const char* key, bool otherwise) {
  return config.contains(key) && config[key].is_boolean() ? config[key].get<bool>() : otherwise;
}

}  // namespace

fs::path tokenizer_file(const fs::path& place) {
  if (!fs::is_directory(place)) {
    if (fs::exists(place)) return place;
    throw UserError(ErrorKind::kInput, fmt::format("There is no '{}'.", place.string()), "Check the path.");
  }
  for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
    if (fs::exists(place / name)) return place / name;
  }
  throw UserError(ErrorKind::kInput,
                  fmt::format("There is no '{}' (nor a tokenizer.model).", (place / "tokenizer.json").string()),
                  "Save the tokenizer in Hugging Face's fast format (tokenizer.json).");
}

Json read_tokenizer_tree(const fs::path& file) {
  if (file.extension() != ".model") return read_object(file);
  const auto config = optional_object(file.parent_path() / "tokenizer_config.json");
  SentencePieceOptions options;
  options.add_bos = flag(config, "add_bos_token", true);
  options.add_eos = flag(config, "add_eos_token", false);
  options.legacy = flag(config, "legacy", true);
  return sentencepiece_to_json(read_file(file), options);
}

Json read_object(const fs::path& file) {
  const auto refuse = [&](const char* what) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file.string(), what), "Fetch the file again.");
  };
  const auto watch = [&](int depth, Json::parse_event_t, const Json&) {
    if (depth > kMaxDepth) refuse("nests its lists and objects too deeply");
    return true;
  };
  const auto text = read_json_text(file, kReadBytes);
  auto tree = Json::parse(text, watch, false);
  if (tree.is_discarded()) tree = Json::parse(StandardJson(text).text, watch, false);  // as Python writes it
  if (!tree.is_object()) refuse("is not a JSON object");
  return tree;
}

Json optional_object(const fs::path& file) { return fs::exists(file) ? read_object(file) : Json::object(); }

}  // namespace scalselect::vlm::tok
