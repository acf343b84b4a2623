#include "vlm/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "vlm/tokenizers/added_tokens.h"
#include "vlm/tokenizers/decoders.h"
#include "vlm/tokenizers/files.h"
#include "vlm/tokenizers/models.h"
#include "vlm/tokenizers/normalizers.h"
#include "vlm/tokenizers/pattern.h"
#include "vlm/tokenizers/post_processors.h"
#include "vlm/tokenizers/pre_tokenizers.h"

namespace scalselect::vlm {
namespace {

using Json = nlohmann::json;

Json entry(const Json& tree, const char* key) { return tree.contains(key) ? tree[key] : Json(); }

/// Absent or null: `otherwise`.
bool flag(const Json& tree, const char* key, bool otherwise) {
  const auto value = entry(tree, key);
  if (value.is_null()) return otherwise;
  if (!value.is_boolean()) throw tok::Unsupported{fmt::format("'{}' of an added token is not true or false", key)};
  return value.get<bool>();
}

tok::AddedToken added_token(const Json& id_value, const Json& tree) {
  const auto content = tree.is_object() ? entry(tree, "content") : Json();
  if (!content.is_string()) throw tok::Unsupported{"an added token has no text as its 'content'"};
  if (!id_value.is_number_integer()) {
    throw tok::Unsupported{
        fmt::format("the added token '{}' has an 'id' that is not an integer", content.get<std::string>())};
  }
  tok::AddedToken token;
  const auto id = token.id = id_value.get<std::int64_t>();
  token.content = content.get<std::string>();
  if (!tok::is_token_id(id)) {
    throw tok::Unsupported{
        fmt::format("the added token '{}' has the id {}, which is not in 0 to 2^31 - 1", token.content, id)};
  }
  token.single_word = flag(tree, "single_word", false);
  token.lstrip = flag(tree, "lstrip", false);
  token.rstrip = flag(tree, "rstrip", false);
  token.special = flag(tree, "special", false);
  token.normalized = flag(tree, "normalized", !token.special);
  return token;
}

/// "</s>" or {"content": "</s>", ...} of the file's tree; empty: absent or null.
std::string special_name(const std::filesystem::path& file, const Json& tree, const char* key) {
  const auto value = entry(tree, key);
  const auto content = value.is_object() ? entry(value, "content") : value;
  if (content.is_string()) return content.get<std::string>();
  if (value.is_null()) return "";
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}': '{}' must be a text, or an object with one as its 'content', but is {}.",
                              file.string(), key, value.dump()),
                  "Correct that entry.");
}

/// What `make` makes of a part of tokenizer.json; its fault is told without the names of a library for JSON.
template <class Make>
auto part(const Json& tree, const char* key, const Make& make) {
  try {
    return make(entry(tree, key));
  } catch (const Json::exception& problem) {
    const std::string_view text = problem.what();
    throw tok::Unsupported{fmt::format("its '{}' cannot be read: {}", key, text.substr(text.find("] ") + 2))};
  }
}

}  // namespace

struct Tokenizer::Impl {
  std::filesystem::path path;
  std::vector<tok::AddedToken> added;
  std::map<std::string, const tok::AddedToken*, std::less<>> added_by_content;
  std::map<std::int64_t, const tok::AddedToken*> added_by_id;
  tok::AddedTokenFinder raw, normalized;
  tok::Normalizer normalize;
  tok::PreTokenizer pre_tokenize;
  std::unique_ptr<tok::Model> model;
  tok::PostProcessor post;
  tok::Decoder decode;
  std::map<std::string, std::int64_t> named;  // "bos_token" ...

  void read(const std::filesystem::path& folder, const Json& tree) {
    if (!entry(tree, "model").is_object()) throw tok::Unsupported{"it has no 'model'"};
    normalize = part(tree, "normalizer", tok::make_normalizer);
    pre_tokenize = part(tree, "pre_tokenizer", tok::make_pre_tokenizer);
    model = part(tree, "model", tok::make_model);
    post = part(tree, "post_processor", tok::make_post_processor);
    decode = part(tree, "decoder", tok::make_decoder);
    read_added(folder, tree);
  }

  /// tokenizer.json first; tokens that only the older files have are appended.
  void read_added(const std::filesystem::path& folder, const Json& tree) {
    const auto listed = entry(tree, "added_tokens");
    if (!listed.is_array() && !listed.is_null()) throw tok::Unsupported{"'added_tokens' is not a list"};
    for (const auto& item : listed) added.push_back(added_token(item.is_object() ? entry(item, "id") : Json(), item));
    const auto known = [&](const std::string& content) {
      return std::any_of(added.begin(), added.end(), [&](const auto& token) { return token.content == content; });
    };
    const auto add = [&](const std::filesystem::path& file, const Json& id, const Json& item) {
      try {
        auto token = added_token(id, item);
        if (!known(token.content)) added.push_back(std::move(token));
      } catch (const tok::Unsupported& problem) {
        throw UserError(ErrorKind::kInput, fmt::format("'{}': {}.", file.string(), problem.what));
      }
    };
    const auto config_file = folder / "tokenizer_config.json", older_file = folder / "added_tokens.json";
    const Json config = tok::optional_object(config_file);
    const auto decoder = entry(config, "added_tokens_decoder");
    if (!decoder.is_object() && !decoder.is_null()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("'{}': 'added_tokens_decoder' is not a mapping.", config_file.string()));
    }
    for (const auto& [id, item] : decoder.items()) add(config_file, Json::parse(id, nullptr, false), item);
    const Json older = tok::optional_object(older_file);
    for (const auto& [content, id] : older.items()) add(older_file, id, {{"content", content}});
    for (const auto& token : added) {
      added_by_content[token.content] = &token;
      added_by_id[token.id] = &token;
      if (token.normalized) {
        normalized.add(normalize(tok::align_original(token.content)).text, &token);
      } else {
        raw.add(token.content, &token);
      }
    }
    read_named(folder, config);
    if (path.extension() == ".json") replace_ends(config);
  }

  /// These classes of transformers put a text's ends where the configuration says, whatever tokenizer.json has.
  void replace_ends(const Json& config) {
    const auto given = entry(config, "tokenizer_class");
    auto name = given.is_string() ? given.get<std::string>() : std::string();
    if (name.ends_with("Fast")) name.resize(name.size() - std::string_view("Fast").size());
    if (name != "LlamaTokenizer" && name != "CodeLlamaTokenizer" && name != "GemmaTokenizer") return;
    const auto set = [&](const char* key, bool otherwise, const char* token, std::vector<std::int64_t>& ids) {
      const auto flag = entry(config, key);
      const auto id = named_id(token);
      const bool wanted = flag.is_boolean() ? flag.get<bool>() : otherwise;
      if (!wanted) ids.clear();
      else if (id) ids = {*id};
    };
    set("add_bos_token", true, "bos_token", post.before);
    set("add_eos_token", false, "eos_token", post.after);
  }

  void read_named(const std::filesystem::path& folder, const Json& config) {
    const auto map_file = folder / "special_tokens_map.json";
    const Json map = tok::optional_object(map_file);
    for (const char* key : {"bos_token", "eos_token", "pad_token", "unk_token"}) {
      auto name = special_name(folder / "tokenizer_config.json", config, key);
      if (name.empty()) name = special_name(map_file, map, key);
      if (name.empty() && path.extension() == ".model") name = sentencepiece_name(key);
      if (const auto id = find(name); id && !name.empty()) named[key] = *id;
    }
  }

  /// Llama's order: unknown, begin, end.
  std::string sentencepiece_name(std::string_view key) const {
    const auto* name = key == "unk_token" ? name_of(0) : key == "bos_token" ? name_of(1) : name_of(2);
    return key == "pad_token" || !name ? std::string() : *name;
  }

  std::optional<std::int64_t> find(std::string_view token) const {
    const auto found = added_by_content.find(token);
    return found != added_by_content.end() ? found->second->id : model->vocabulary().find(token);
  }

  const std::string* name_of(std::int64_t id) const {
    const auto found = added_by_id.find(id);
    return found != added_by_id.end() ? &found->second->content : model->vocabulary().token(id);
  }

  std::optional<std::int64_t> named_id(const char* key) const {
    const auto found = named.find(key);
    return found == named.end() ? std::nullopt : std::optional(found->second);
  }

  /// A part of the text without added tokens: words, then tokens.
  void encode_plain(tok::AlignedText text, Encoding& out) const {
    std::vector<tok::AlignedText> words;
    pre_tokenize(std::move(text), words);
    std::vector<tok::Token> tokens;
    for (const auto& word : words) {
      tokens.clear();
      model->tokenize(word.text, tokens);
      for (const auto& token : tokens) {
        out.ids.push_back(token.id);
        out.offsets.push_back({word.align[token.begin].first, word.align[token.end - 1].second});
      }
    }
  }

  static void push_added(const tok::AddedToken& token, const tok::AlignedText& text, tok::Range range, Encoding& out) {
    out.ids.push_back(token.id);
    out.offsets.push_back({text.align[range.first].first, text.align[range.second - 1].second});
  }

  void encode_text(std::string_view bytes, Encoding& out) const {
    const auto text = tok::align_original(bytes);
    for (const auto& part : raw.split(text.text)) {
      if (part.token) {
        push_added(*part.token, text, part.range, out);
        continue;
      }
      const auto piece = normalize(text.slice(part.range.first, part.range.second));
      for (const auto& inner : normalized.split(piece.text)) {
        if (inner.token) {
          push_added(*inner.token, piece, inner.range, out);
        } else if (inner.range.first == 0 && inner.range.second == piece.text.size()) {
          encode_plain(piece, out);
        } else {
          encode_plain(piece.slice(inner.range.first, inner.range.second), out);
        }
      }
    }
  }

  void trim(std::string_view text, Encoding& out) const {
    if (!post.trim_offsets) return;
    const auto to_border = [&](std::int64_t at) {  // an added blank has no byte that could be cut off
      while (at > 0 && at < std::ssize(text) && (text[static_cast<std::size_t>(at)] & 0xc0) == 0x80) --at;
      return at;
    };
    for (std::size_t i = 0; i < out.ids.size(); ++i) {
      auto& [begin, end] = out.offsets[i];
      // An added token with lstrip or rstrip has taken the blanks beside it.
      const auto token =
          added_by_id.contains(out.ids[i])
              ? std::string(text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)))
              : *name_of(out.ids[i]);
      tok::trim_span(token, i == 0, post.prefix_space, begin, end);
      begin = to_border(begin);
      end = to_border(end);
    }
  }
};

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  const auto file = tok::tokenizer_file(folder);
  auto impl = std::make_shared<Impl>();
  impl->path = file;
  try {
    impl->read(file.parent_path(), tok::read_tokenizer_tree(file));
  } catch (const tok::Unsupported& problem) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}': {}.", file.string(), problem.what));
  } catch (const UserError&) {
    throw;
  } catch (const std::exception& problem) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' is not a complete tokenizer: {}.", file.string(), problem.what()));
  }
  Tokenizer tokenizer;
  tokenizer.impl_ = std::move(impl);
  return tokenizer;
}

Encoding Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  Encoding out;
  std::size_t at = 0;
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  const std::string repaired = at == text.size() ? std::string(text) : repair_utf8(text);
  impl_->encode_text(repaired, out);
  impl_->trim(repaired, out);
  out.special.assign(out.ids.size(), 0);
  if (add_special_tokens) {
    const auto& [before, after, trims, prefix] = impl_->post;
    out.ids.insert(out.ids.begin(), before.begin(), before.end());
    out.offsets.insert(out.offsets.begin(), before.size(), ByteSpan{});
    out.special.insert(out.special.begin(), before.size(), 1);
    out.ids.insert(out.ids.end(), after.begin(), after.end());
    out.offsets.insert(out.offsets.end(), after.size(), ByteSpan{});
    out.special.insert(out.special.end(), after.size(), 1);
  }
  return out;
}

std::string Tokenizer::decode(const std::vector<std::int64_t>& ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  for (const auto id : ids) {
    const auto* token = impl_->name_of(id);
    if (token && !(skip_special_tokens && is_special(id))) tokens.push_back(*token);
  }
  std::string text;
  for (const auto& piece : impl_->decode(std::move(tokens))) text += piece;
  return text;
}

std::optional<std::int64_t> Tokenizer::token_to_id(std::string_view token) const { return impl_->find(token); }

std::optional<std::string> Tokenizer::id_to_token(std::int64_t id) const {
  const auto* token = impl_->name_of(id);
  return token ? std::optional(*token) : std::nullopt;
}

bool Tokenizer::is_special(std::int64_t id) const {
  const auto found = impl_->added_by_id.find(id);
  return found != impl_->added_by_id.end() && found->second->special;
}

std::int64_t Tokenizer::vocab_size() const {
  const auto last = impl_->added_by_id.empty() ? -1 : impl_->added_by_id.rbegin()->first;
  return std::max(last, impl_->model->vocabulary().max_id()) + 1;
}

std::int64_t Tokenizer::base_vocab_size() const { return static_cast<std::int64_t>(impl_->model->vocabulary().size()); }

std::optional<std::int64_t> Tokenizer::bos_id() const { return impl_->named_id("bos_token"); }
std::optional<std::int64_t> Tokenizer::eos_id() const { return impl_->named_id("eos_token"); }
std::optional<std::int64_t> Tokenizer::pad_id() const { return impl_->named_id("pad_token"); }
std::optional<std::int64_t> Tokenizer::unk_id() const { return impl_->named_id("unk_token"); }
const std::filesystem::path& Tokenizer::path() const { return impl_->path; }

}  // namespace scalselect::vlm
