#include "data/mini/lexicon.h"

#include <cctype>
#include <unordered_map>

#include "data/mini/scene.h"

namespace scalselect::mini {
namespace {

// Words besides the names of shapes, colours, sizes and positions, by origin. A word may occur in several lists.
constexpr std::string_view kSystemPrompt =
    "A chat between curious user and an artificial intelligence assistant The gives helpful detailed polite answers to "
    "the questions USER ASSISTANT human";
constexpr std::string_view kBenchmarkPrompts =
    "Answer the question using single word or phrase Please answer yes or no with option letter from given choices "
    "directly Hint Question Options Context N select correct options above There are several try short words phrases "
    "if possible concisely when only is Yes No";
constexpr std::string_view kQuestions =
    "what which where how many much is are there does do can you see show shows shown in image picture color shape "
    "size position place number letter word text say value count read name tell me of at on the this that it has have "
    "labeled beside under right left above below directly next points point pointing arrow arrows end start begins "
    "taller larger smaller bigger higher more than tallest highest biggest larger shapes letters bars bar column "
    "columns nodes describe give description all things objects object one by one written first last for and or "
    "chart diagram graph sign up down way";
constexpr std::string_view kFacts = "exist none true";
constexpr std::string_view kNoise =
    "please so well now look here just then also really quite simply maybe again today note thing some very";

void append_words(std::vector<std::string>& pieces, std::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find(' ', begin);
    if (end == std::string_view::npos) end = text.size();
    if (end > begin) pieces.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

std::vector<std::string> all_words() {
  std::vector<std::string> words;
  for (int i = 0; i < kShapes; ++i) {
    words.emplace_back(name(static_cast<Shape>(i)));
    words.emplace_back(plural(static_cast<Shape>(i)));
  }
  for (int i = 0; i < kColors; ++i) words.emplace_back(name(static_cast<Color>(i)));
  words.insert(words.end(), {"small", "large"});
  for (std::string_view position : position_names()) words.emplace_back(position);
  for (std::string_view text : {kQuestions, kBenchmarkPrompts, kSystemPrompt, kFacts, kNoise})
    append_words(words, text);
  return words;
}

std::vector<std::string> build() {
  std::vector<std::string> pieces = {"<unk>", "<s>", "</s>", "<pad>", "<image>"};
  for (char c : std::string_view(".,?!:;'()/-")) pieces.emplace_back(1, c);
  for (char c = '0'; c <= '9'; ++c) pieces.emplace_back(1, c);
  for (char c = 'a'; c <= 'z'; ++c) pieces.emplace_back(1, c);
  for (char c = 'a'; c <= 'z'; ++c) pieces.push_back(std::string("##") + c);
  for (char c = 'A'; c <= 'E'; ++c) pieces.emplace_back(1, c);
  std::unordered_map<std::string, bool> seen;
  for (const std::string& piece : pieces) seen[piece] = true;
  for (const std::string& word : all_words()) {
    if (!seen[word]) pieces.push_back(word);
    seen[word] = true;
  }
  return pieces;
}

/// Longest piece first; appends "<unk>" if a part is not covered.
void append_word(std::vector<std::string>& pieces, std::string_view word) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < word.size();) {
    const std::string prefix = begin ? "##" : "";
    std::size_t length = word.size() - begin;
    while (length > 0 && !piece_id(prefix + std::string(word.substr(begin, length)))) --length;
    if (length == 0) {
      pieces.emplace_back("<unk>");
      return;
    }
    parts.push_back(prefix + std::string(word.substr(begin, length)));
    begin += length;
  }
  pieces.insert(pieces.end(), parts.begin(), parts.end());
}

}  // namespace

const std::vector<std::string>& lexicon() {
  static const std::vector<std::string> pieces = build();
  return pieces;
}

std::optional<std::int64_t> piece_id(std::string_view piece) {
  static const std::unordered_map<std::string, std::int64_t> ids = [] {
    std::unordered_map<std::string, std::int64_t> map;
    for (std::size_t i = 0; i < lexicon().size(); ++i) map[lexicon()[i]] = static_cast<std::int64_t>(i);
    return map;
  }();
  const auto found = ids.find(std::string(piece));
  if (found == ids.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> to_pieces(std::string_view text) {
  static constexpr std::string_view kImage = "<image>";
  std::vector<std::string> pieces;
  std::size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (std::isspace(c)) {
      ++i;
    } else if (text.substr(i, kImage.size()) == kImage) {
      pieces.emplace_back(kImage);
      i += kImage.size();
    } else if (std::ispunct(c)) {
      append_word(pieces, text.substr(i++, 1));
    } else {
      std::size_t end = i;
      while (end < text.size() && !std::isspace(static_cast<unsigned char>(text[end])) &&
             !std::ispunct(static_cast<unsigned char>(text[end]))) {
        ++end;
      }
      append_word(pieces, text.substr(i, end - i));
      i = end;
    }
  }
  return pieces;
}

std::vector<std::string> spell(std::string_view word) {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < word.size(); ++i) pieces.push_back((i ? "##" : "") + std::string(1, word[i]));
  return pieces;
}

bool starts_with_lexicon_word(std::string_view word) {
  for (std::size_t length = 2; length <= word.size(); ++length) {
    if (piece_id(word.substr(0, length))) return true;
  }
  return false;
}

const std::vector<std::string>& noise_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> list;
    append_words(list, kNoise);
    append_words(list, "the is of image in answer question this");
    return list;
  }();
  return words;
}

}  // namespace scalselect::mini
