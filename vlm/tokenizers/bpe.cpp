// Byte-pair encoding: merges by rank, leftmost first among equals, with a heap: O(n log n) in the word's length.
#include <fmt/format.h>

#include <queue>

#include "vlm/tokenizers/aligned_text.h"
#include "vlm/tokenizers/models.h"
#include "vlm/tokenizers/pattern.h"

namespace scalselect::vlm::tok {
namespace {

using Json = nlohmann::json;

struct Merge {
  std::uint32_t rank = 0;
  std::int64_t id = 0;
};

/// A piece of the word in a doubly linked list.
struct Symbol {
  std::int64_t id = 0;
  std::uint32_t bytes = 0;  // 0: merged into its left neighbour
  std::int32_t previous = -1, next = -1;
};

/// A merge that was possible when it was queued.
struct Candidate {
  std::uint32_t rank;
  std::int32_t position;
  std::int64_t id;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

std::uint64_t pair_key(std::int64_t left, std::int64_t right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

std::string text_or_empty(const Json& tree, const char* key) {
  return tree.contains(key) && tree[key].is_string() ? tree[key].get<std::string>() : std::string();
}

bool flag(const Json& tree, const char* key) { return tree.contains(key) && tree[key] == true; }

class Bpe final : public Model {
 public:
  explicit Bpe(const Json& tree)
      : Model(Vocabulary(tree.at("vocab"))),
        prefix_(text_or_empty(tree, "continuing_subword_prefix")),
        suffix_(text_or_empty(tree, "end_of_word_suffix")),
        byte_fallback_(flag(tree, "byte_fallback")),
        fuse_unknown_(flag(tree, "fuse_unk")),
        ignore_merges_(flag(tree, "ignore_merges")) {
    if (tree.contains("dropout") && tree["dropout"].is_number() && tree["dropout"] != 0) {
      throw Unsupported{"BPE with dropout is not supported"};
    }
    if (byte_fallback_ && !(prefix_.empty() && suffix_.empty())) {  // neither occurs in the word's bytes
      throw Unsupported{
          "BPE with byte_fallback and a continuing_subword_prefix or end_of_word_suffix is not supported"};
    }
    if (const auto unknown = text_or_empty(tree, "unk_token"); !unknown.empty()) unknown_ = vocabulary_.find(unknown);
    for (std::size_t b = 0; b < bytes_.size(); ++b) bytes_[b] = vocabulary_.find(fmt::format("<0x{:02X}>", b));
    read_merges(tree.at("merges"));
  }

  void tokenize(std::string_view word, std::vector<Token>& out) const override {
    if (word.empty()) return;
    if (ignore_merges_) {
      if (const auto whole = vocabulary_.find(word)) {
        out.push_back({*whole, 0, static_cast<std::uint32_t>(word.size())});
        return;
      }
    }
    std::vector<Symbol> symbols = first_symbols(word);
    merge_all(symbols);
    std::uint32_t at = 0;
    for (const auto& symbol : symbols) {
      if (symbol.bytes == 0) continue;
      out.push_back({symbol.id, at, at + symbol.bytes});
      at += symbol.bytes;
    }
  }

 private:
  void read_merges(const Json& list) {
    merges_.reserve(list.size());
    std::uint32_t rank = 0;
    for (const auto& item : list) {
      std::string left, right;
      if (item.is_string()) {
        const auto text = item.get<std::string>();
        const auto space = text.find(' ');
        if (space == text.npos) throw Unsupported{"the merge '" + text + "' has no second part"};
        left = text.substr(0, space);
        right = text.substr(space + 1);
      } else {
        left = item.at(0).get<std::string>();
        right = item.at(1).get<std::string>();
      }
      const auto a = vocabulary_.find(left), b = vocabulary_.find(right);
      const auto merged = vocabulary_.find(left + right.substr(prefix_.size()));
      if (!a || !b || !merged) throw Unsupported{"the merge '" + left + " " + right + "' is not in the vocabulary"};
      merges_.emplace(pair_key(*a, *b), Merge{rank++, *merged});
    }
  }

  static void add(std::vector<Symbol>& symbols, std::int64_t id, std::uint32_t bytes) {
    symbols.push_back({id, bytes, static_cast<std::int32_t>(symbols.size()) - 1, -1});
    if (symbols.size() > 1) symbols[symbols.size() - 2].next = static_cast<std::int32_t>(symbols.size()) - 1;
  }

  bool add_bytes(std::string_view text, std::vector<Symbol>& symbols) const {
    for (const char c : text) {
      if (!bytes_[static_cast<unsigned char>(c)]) return false;
    }
    for (const char c : text) add(symbols, *bytes_[static_cast<unsigned char>(c)], 1);
    return true;
  }

  /// One symbol per character, its bytes if it is not in the vocabulary, else the unknown token. (A character that
  /// even that cannot cover is dropped, as in the reference.)
  std::vector<Symbol> first_symbols(std::string_view word) const {
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    std::uint32_t unknown_bytes = 0;
    const auto flush = [&] {
      if (unknown_bytes > 0) add(symbols, *unknown_, unknown_bytes);
      unknown_bytes = 0;
    };
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t begin = at;
      next_character(word, at);
      const auto bytes = static_cast<std::uint32_t>(at - begin);
      std::string piece = begin > 0 ? prefix_ : std::string();
      piece += word.substr(begin, bytes);
      if (at == word.size()) piece += suffix_;
      if (const auto id = vocabulary_.find(piece)) {
        flush();
        add(symbols, *id, bytes);
      } else if (!(byte_fallback_ && add_bytes(piece, symbols)) && unknown_) {
        if (!fuse_unknown_) flush();
        unknown_bytes += bytes;
      }
    }
    flush();
    return symbols;
  }

  void merge_all(std::vector<Symbol>& symbols) const {
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
    const auto propose = [&](std::int32_t left) {
      const std::int32_t right = left < 0 ? -1 : symbols[static_cast<std::size_t>(left)].next;
      if (right < 0) return;
      const auto found = merges_.find(
          pair_key(symbols[static_cast<std::size_t>(left)].id, symbols[static_cast<std::size_t>(right)].id));
      if (found != merges_.end()) queue.push({found->second.rank, left, found->second.id});
    };
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) propose(static_cast<std::int32_t>(i));
    while (!queue.empty()) {
      const Candidate top = queue.top();
      queue.pop();
      Symbol& left = symbols[static_cast<std::size_t>(top.position)];
      if (left.bytes == 0 || left.next < 0) continue;
      Symbol& right = symbols[static_cast<std::size_t>(left.next)];
      const auto found = merges_.find(pair_key(left.id, right.id));
      if (found == merges_.end() || found->second.id != top.id) continue;  // its neighbours have changed since
      left.id = top.id;
      left.bytes += right.bytes;
      right.bytes = 0;
      left.next = right.next;
      if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = top.position;
      propose(left.previous);
      propose(top.position);
    }
  }

  std::string prefix_, suffix_;
  bool byte_fallback_, fuse_unknown_, ignore_merges_;
  std::optional<std::int64_t> unknown_;
  std::array<std::optional<std::int64_t>, 256> bytes_;
  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace

std::unique_ptr<Model> make_bpe(const Json& tree) { return std::make_unique<Bpe>(tree); }

}  // namespace scalselect::vlm::tok
