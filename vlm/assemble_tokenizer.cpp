#include "vlm/assemble_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "vlm/tokenizer.h"
#include "vlm/tokenizers/files.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json special_token(const std::string& content) {
  return {{"content", content}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},    {"normalized", false},  {"special", true}};
}

/// Appends the token unless the list has one of that id.
void add_token(json& list, std::int64_t id, const std::string& content) {
  const bool known = std::any_of(list.begin(), list.end(), [&](const json& item) { return item.at("id") == id; });
  if (known) return;
  auto token = special_token(content);
  token["id"] = id;
  list.push_back(std::move(token));
}

/// Everything that HF's class needs; the decoder's own entries are kept.
json tokenizer_config(const fs::path& llm, const Tokenizer& tokenizer, const AddedVocabulary& added) {
  auto config = tok::optional_object(llm / "tokenizer_config.json");
  const auto name = [&](const char* key, const std::optional<std::int64_t>& id) {
    if (id && !config.contains(key)) config[key] = *tokenizer.id_to_token(*id);
  };
  name("bos_token", tokenizer.bos_id());
  name("eos_token", tokenizer.eos_id());
  name("unk_token", tokenizer.unk_id());
  config["pad_token"] = kPadToken;
  config.emplace("tokenizer_class", "LlamaTokenizer");
  config.emplace("legacy", true);
  if (config.contains("added_tokens_decoder")) {
    config["added_tokens_decoder"][std::to_string(added.image_id)] = special_token(kImageToken);
    config["added_tokens_decoder"][std::to_string(added.pad_id)] = special_token(kPadToken);
  }
  return config;
}

}  // namespace

AddedVocabulary plan_tokenizer(const fs::path& llm) {
  const auto tokenizer = Tokenizer::load(llm);
  auto next = tokenizer.vocab_size();
  AddedVocabulary added;
  const auto place = [&](const char* token) {
    const auto known = tokenizer.token_to_id(token);
    return known ? *known : next++;
  };
  added.image_id = place(kImageToken);
  added.pad_id = place(kPadToken);
  return added;
}

void write_tokenizer(const fs::path& llm, const AddedVocabulary& added, const fs::path& out) {
  const auto tokenizer = Tokenizer::load(llm);
  auto tree = tok::read_tokenizer_tree(tok::tokenizer_file(llm));
  add_token(tree["added_tokens"], added.image_id, kImageToken);
  add_token(tree["added_tokens"], added.pad_id, kPadToken);
  write_file_atomically(out / "tokenizer.json", tree.dump() + "\n");
  const auto config = tokenizer_config(llm, tokenizer, added);
  write_file_atomically(out / "tokenizer_config.json", config.dump(2) + "\n");
  json map = json::object();
  for (const char* key : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
    if (config.contains(key) && !config[key].is_null()) map[key] = config[key];
  }
  write_file_atomically(out / "special_tokens_map.json", map.dump(2) + "\n");
}

}  // namespace scalselect::vlm
