// Models of tokenizer.json: WordPiece, BPE, WordLevel.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace scalselect::vlm::tok {

/// A token of a word: its id and the bytes of the (normalised) word that it covers.
struct Token {
  std::int64_t id = 0;
  std::uint32_t begin = 0, end = 0;
};

/// 0 to 2^31 - 1: two of them are the key of a merge.
inline bool is_token_id(std::int64_t id) { return id >= 0 && id <= 0x7fffffff; }

/// Token <-> id.
class Vocabulary {
 public:
  /// {"token": id}. Throws Unsupported on anything else.
  explicit Vocabulary(const nlohmann::json& tree);
  std::optional<std::int64_t> find(std::string_view token) const;
  const std::string* token(std::int64_t id) const;
  std::size_t size() const { return ids_.size(); }
  std::int64_t max_id() const { return max_id_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> ids_;
  std::unordered_map<std::int64_t, const std::string*> tokens_;
  std::int64_t max_id_ = -1;
};

class Model {
 public:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~Model() = default;
  virtual void tokenize(std::string_view word, std::vector<Token>& out) const = 0;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  Vocabulary vocabulary_;
};

/// `tree`: the "model" entry. Throws Unsupported.
std::unique_ptr<Model> make_model(const nlohmann::json& tree);
std::unique_ptr<Model> make_bpe(const nlohmann::json& tree);

}  // namespace scalselect::vlm::tok
