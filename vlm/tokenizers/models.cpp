#include "vlm/tokenizers/models.h"

#include <algorithm>

#include "vlm/tokenizers/aligned_text.h"
#include "vlm/tokenizers/pattern.h"

namespace scalselect::vlm::tok {

using Json = nlohmann::json;

Vocabulary::Vocabulary(const Json& tree) {
  if (!tree.is_object()) throw Unsupported{"a model without a vocabulary of the form {token: id} is not supported"};
  ids_.reserve(tree.size());
  for (const auto& [token, id] : tree.items()) {
    if (!id.is_number_integer() || !is_token_id(id.get<std::int64_t>())) {
      throw Unsupported{"the vocabulary has token '" + token + "' with the id " + id.dump() +
                        ", which is not in 0 to 2^31 - 1"};
    }
    const auto place = ids_.emplace(token, id.get<std::int64_t>()).first;
    tokens_.emplace(place->second, &place->first);
    max_id_ = std::max(max_id_, place->second);
  }
}

std::optional<std::int64_t> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Vocabulary::token(std::int64_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : found->second;
}

namespace {

std::int64_t unknown_id(const Json& tree, const Vocabulary& vocabulary) {
  const auto token = tree.value("unk_token", std::string("[UNK]"));
  const auto id = vocabulary.find(token);
  if (!id) throw Unsupported{"a model whose unk_token '" + token + "' is not in its vocabulary is not supported"};
  return *id;
}

/// Greedy longest match from the left; a word that cannot be covered is one unknown token.
class WordPiece final : public Model {
 public:
  explicit WordPiece(const Json& tree)
      : Model(Vocabulary(tree.at("vocab"))),
        unknown_(unknown_id(tree, vocabulary_)),
        prefix_(tree.value("continuing_subword_prefix", std::string("##"))),
        longest_word_(tree.value("max_input_chars_per_word", std::size_t{100})) {}

  void tokenize(std::string_view word, std::vector<Token>& out) const override {
    const std::size_t start = out.size();
    const auto characters = static_cast<std::size_t>(
        std::count_if(word.begin(), word.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    bool known = characters <= longest_word_;
    for (std::size_t begin = 0; known && begin < word.size(); begin = out.back().end) {
      known = match(word, begin, out);
      if (!known) break;
    }
    if (known) return;
    out.resize(start);
    out.push_back({unknown_, 0, static_cast<std::uint32_t>(word.size())});
  }

 private:
  bool match(std::string_view word, std::size_t begin, std::vector<Token>& out) const {
    std::string piece = begin > 0 ? prefix_ : std::string();
    piece += word.substr(begin);
    for (std::size_t end = word.size(); end > begin; --end) {
      const bool border = end == word.size() || (static_cast<unsigned char>(word[end]) & 0xc0) != 0x80;
      const auto id = border ? vocabulary_.find(piece) : std::nullopt;
      if (id) {
        out.push_back({*id, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        return true;
      }
      piece.pop_back();
    }
    return false;
  }

  std::int64_t unknown_;
  std::string prefix_;
  std::size_t longest_word_;
};

class WordLevel final : public Model {
 public:
  explicit WordLevel(const Json& tree) : Model(Vocabulary(tree.at("vocab"))), unknown_(unknown_id(tree, vocabulary_)) {}

  void tokenize(std::string_view word, std::vector<Token>& out) const override {
    out.push_back({vocabulary_.find(word).value_or(unknown_), 0, static_cast<std::uint32_t>(word.size())});
  }

 private:
  std::int64_t unknown_;
};

}  // namespace

std::unique_ptr<Model> make_model(const Json& tree) {
  // Files older than the "type" entry: a model with merges is a BPE.
  const auto type = tree.value("type", tree.contains("merges") ? std::string("BPE") : std::string("WordPiece"));
  if (type == "WordPiece") return std::make_unique<WordPiece>(tree);
  if (type == "WordLevel") return std::make_unique<WordLevel>(tree);
  if (type == "BPE") return make_bpe(tree);
  throw Unsupported{"model '" + type + "' is not supported"};
}

}  // namespace scalselect::vlm::tok
