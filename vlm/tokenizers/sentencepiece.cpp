#include "vlm/tokenizers/sentencepiece.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "vlm/tokenizers/aligned_text.h"
#include "vlm/tokenizers/pattern.h"

namespace scalselect::vlm::tok {
namespace {

using Json = nlohmann::json;

[[noreturn]] void damaged() { throw Unsupported{"the file is not a complete SentencePiece model"}; }

/// One field of a protobuf message: a number, or bytes.
struct Field {
  std::uint32_t number = 0;
  std::uint64_t value = 0;
  std::string_view bytes;

  float real() const {
    const auto bits = static_cast<std::uint32_t>(value);
    float out = 0;
    std::memcpy(&out, &bits, sizeof out);
    return out;
  }
};

/// Reads a protobuf message field by field (wire types 0, 1, 2, 5).
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const auto tag = varint();
    Field field;
    field.number = static_cast<std::uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0: field.value = varint(); break;
      case 1: field.value = fixed(8); break;
      case 2: field.bytes = take(varint()); break;
      case 5: field.value = fixed(4); break;
      default: damaged();
    }
    return field;
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) damaged();
    const auto out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    damaged();
  }
  std::uint64_t fixed(std::size_t count) {
    std::uint64_t value = 0;
    const auto raw = take(count);
    for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }

  std::string_view rest_;
};

enum class PieceType : std::uint64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

struct SentencePieceModel {
  std::vector<Piece> pieces;
  std::uint64_t kind = 1;  // 1 unigram, 2 BPE, 3 word, 4 character
  bool dummy_prefix = true, extra_blanks_removed = true, blanks_escaped = true, blank_behind = false;
  bool normalizes = false, byte_fallback = false;
};

Piece read_piece(std::string_view bytes) {
  Piece piece;
  Message message(bytes);
  while (const auto field = message.next()) {
    if (field->number == 1) piece.text = field->bytes;
    if (field->number == 2) piece.score = field->real();
    if (field->number == 3) piece.type = static_cast<PieceType>(field->value);
  }
  if (piece.text.empty() || repair_utf8(piece.text) != piece.text || std::isnan(piece.score)) damaged();
  return piece;
}

void read_trainer(std::string_view bytes, SentencePieceModel& model) {
  Message message(bytes);
  while (const auto field = message.next()) {
    if (field->number == 3) model.kind = field->value;
    if (field->number == 24) model.blank_behind = field->value != 0;
    if (field->number == 35) model.byte_fallback = field->value != 0;
  }
}

void read_normalizer(std::string_view bytes, SentencePieceModel& model) {
  Message message(bytes);
  while (const auto field = message.next()) {
    if (field->number == 2) model.normalizes = !field->bytes.empty();
    if (field->number == 3) model.dummy_prefix = field->value != 0;
    if (field->number == 4) model.extra_blanks_removed = field->value != 0;
    if (field->number == 5) model.blanks_escaped = field->value != 0;
  }
}

SentencePieceModel read_model(std::string_view bytes) {
  SentencePieceModel model;
  Message message(bytes);
  while (const auto field = message.next()) {
    if (field->number == 1) model.pieces.push_back(read_piece(field->bytes));
    if (field->number == 2) read_trainer(field->bytes, model);
    if (field->number == 3) read_normalizer(field->bytes, model);
  }
  if (model.pieces.size() < 3) damaged();
  if (model.kind != 2) throw Unsupported{"a SentencePiece model other than BPE is not supported"};
  if (model.normalizes || model.extra_blanks_removed || !model.blanks_escaped || model.blank_behind) {
    throw Unsupported{"a SentencePiece model that changes the text (normalizer, blanks) is not supported"};
  }
  if (!model.dummy_prefix) throw Unsupported{"a SentencePiece model without a leading blank is not supported"};
  return model;
}

struct ScoredMerge {
  std::string_view left, right;
  std::int64_t left_id, right_id;
  float score;
  std::size_t left_length, right_length;  // in characters
};

/// Every way to cut `piece` into two pieces, in the order of their ids.
std::vector<ScoredMerge> cuts(const Piece& piece, const std::unordered_map<std::string_view, std::int64_t>& ids) {
  std::vector<std::size_t> borders;
  for (std::size_t at = 0; at < piece.text.size(); borders.push_back(at)) next_character(piece.text, at);
  std::vector<ScoredMerge> found;
  const std::string_view text = piece.text;
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    const auto left = ids.find(text.substr(0, borders[i])), right = ids.find(text.substr(borders[i]));
    if (left == ids.end() || right == ids.end()) continue;
    found.push_back(
        {left->first, right->first, left->second, right->second, piece.score, i + 1, borders.size() - i - 1});
  }
  std::sort(found.begin(), found.end(), [](const ScoredMerge& a, const ScoredMerge& b) {
    return std::pair(a.left_id, a.right_id) < std::pair(b.left_id, b.right_id);
  });
  return found;
}

/// Best score first; among equals the longer left part, then the longer right part, then the piece's own order.
Json merges_of(const SentencePieceModel& model) {
  std::unordered_map<std::string_view, std::int64_t> ids;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) ids[model.pieces[i].text] = static_cast<std::int64_t>(i);
  std::vector<ScoredMerge> all;
  for (const auto& piece : model.pieces) {
    const auto found = cuts(piece, ids);
    all.insert(all.end(), found.begin(), found.end());
  }
  std::stable_sort(all.begin(), all.end(), [](const ScoredMerge& a, const ScoredMerge& b) {
    return std::tuple(a.score, a.left_length, a.right_length) > std::tuple(b.score, b.left_length, b.right_length);
  });
  Json merges = Json::array();
  for (const auto& merge : all) merges.push_back(Json::array({std::string(merge.left), std::string(merge.right)}));
  return merges;
}

Json added_tokens_of(const SentencePieceModel& model) {
  Json added = Json::array();
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const auto& [text, score, type] = model.pieces[i];
    const bool special = type == PieceType::kControl || type == PieceType::kUnknown;
    if (!special && type != PieceType::kUserDefined) continue;
    added.push_back({{"id", i},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}});
  }
  return added;
}

Json model_json(const SentencePieceModel& model) {
  Json vocabulary = Json::object();
  for (std::size_t i = 0; i < model.pieces.size(); ++i) vocabulary[model.pieces[i].text] = i;
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", model.pieces[0].text},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", model.byte_fallback},
          {"ignore_merges", false},
          {"vocab", std::move(vocabulary)},
          {"merges", merges_of(model)}};
}

/// Of the first control pieces, 1 begins a text and 2 ends it.
Json post_processor(const SentencePieceModel& model, const SentencePieceOptions& options) {
  Json single = Json::array(), names = Json::object();
  const auto add = [&](std::size_t id) {
    const auto& text = model.pieces[id].text;
    single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
    names[text] = {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
  };
  if (options.add_bos) add(1);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (options.add_eos) add(2);
  auto pair = single;
  for (auto item : single) {
    item.begin().value()["type_id"] = 1;
    if (item.contains("Sequence")) item["Sequence"]["id"] = "B";
    pair.push_back(item);
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", names}};
}

}  // namespace

Json sentencepiece_to_json(std::string_view bytes, const SentencePieceOptions& options) {
  const auto model = read_model(bytes);
  const std::string blank = "\u2581";
  Json tree = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  tree["added_tokens"] = added_tokens_of(model);
  tree["normalizer"] = nullptr;
  tree["pre_tokenizer"] = nullptr;
  if (options.legacy) {
    const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", blank}};
    tree["normalizer"] = {{"type", "Sequence"},
                          {"normalizers", Json::array({{{"type", "Prepend"}, {"prepend", blank}}, replace})}};
  } else {
    tree["pre_tokenizer"] = {
        {"type", "Metaspace"}, {"replacement", blank}, {"prepend_scheme", "first"}, {"split", false}};
  }
  tree["post_processor"] = post_processor(model, options);
  tree["decoder"] = {
      {"type", "Sequence"},
      {"decoders", Json::array({{{"type", "Replace"}, {"pattern", {{"String", blank}}}, {"content", " "}},
                                {{"type", "ByteFallback"}},
                                {{"type", "Fuse"}},
                                {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}})}};
  tree["model"] = model_json(model);
  return tree;
}

}  // namespace scalselect::vlm::tok
