// lmms-eval's rules (commit 75571cfe).
#include <algorithm>
#include <string_view>

#include "core/utf8.h"
#include "eval/matching.h"
#include "eval/text.h"

namespace scalselect::eval {
namespace {

const Parsed kNone{"", "none"};

const Option* option_of(const std::vector<Option>& options, std::string_view label) {
  const auto found =
      std::find_if(options.begin(), options.end(), [&](const Option& option) { return option.label == label; });
  return found == options.end() ? nullptr : &*found;
}

// The one letter of A to E that, between `prefix` and `suffix`, is a word of the answer; 0 if there is none or several.
char only_letter(const std::vector<std::string>& words, std::string_view prefix, std::string_view suffix) {
  char only = 0;
  for (char letter = 'A'; letter <= 'E'; ++letter) {
    const std::string word = std::string(prefix) + letter + std::string(suffix);
    if (std::find(words.begin(), words.end(), word) == words.end()) continue;
    if (only != 0) return 0;
    only = letter;
  }
  return only;
}

// The evaluator's first look at an answer.
Parsed mmbench_prefetch(const std::string& answer, const std::vector<Option>& options) {
  if (answer.find("Failed to obtain answer via API") == std::string::npos) {
    const auto words = split_words(answer);
    const char letter = only_letter(words, "", "");
    // "A" among more than three words may be an article.
    if (letter != 0 && !(letter == 'A' && words.size() > 3)) return {std::string(1, letter), "option"};
    constexpr std::pair<std::string_view, std::string_view> kFrames[] = {
        {"", "."},   {"", ","}, {"", ":"},  {"", ")"},  {"", ")."}, {"(", ")"},
        {"(", ")."}, {":", ""}, {":", ","}, {":", "."}, {":", ")"}, {":", ")."}};
    for (const auto& [prefix, suffix] : kFrames) {
      if (const char framed = only_letter(words, prefix, suffix)) return {std::string(1, framed), "option"};
    }
  }
  const std::string text = lower(answer);
  std::vector<std::string> found;
  for (const auto& option : options) {
    if (text.find(lower(option.text)) != std::string::npos) found.push_back(option.label);
  }
  return found.size() == 1 ? Parsed{found[0], "text"} : kNone;
}

// What extract_mcq_answer calls formats, by their weight.
enum Format { kFallback = 0, kSpace = 2, kRightParenthesis, kColon, kPeriod, kParentheses, kPhrase, kEnd = 9, kStart };

// In code points, as positions in Python are.
class Candidates {
 public:
  // Of several with the greatest weight and place, the first that was added is kept.
  void add(char32_t letter, std::size_t place, Format format) {
    if (letter_ != 0 && std::pair(format, place) <= std::pair(format_, place_)) return;
    letter_ = letter;
    place_ = place;
    format_ = format;
  }
  char32_t letter() const { return letter_; }

 private:
  char32_t letter_ = 0;
  std::size_t place_ = 0;
  Format format_ = kFallback;
};

constexpr std::u32string_view kPhrases[] = {U"the answer is",
                                            U"answer is",
                                            U"the correct answer is",
                                            U"correct answer is",
                                            U"the best answer is",
                                            U"best answer is",
                                            U"the correct option is",
                                            U"correct option is",
                                            U"the best option is",
                                            U"best option is",
                                            U"the choice is",
                                            U"choice is",
                                            U"the correct choice is",
                                            U"correct choice is",
                                            U"i choose",
                                            U"i select",
                                            U"i pick",
                                            U"my answer is",
                                            U"my choice is",
                                            U"옵션",
                                            U"정답은",
                                            U"답은",
                                            U"답:",
                                            U"答案是",
                                            U"答案为",
                                            U"选",
                                            U"答えは"};

std::u32string trimmed(std::u32string text) {
  for (const char32_t mark : U",.!?;:'\"") {
    if (mark == 0) continue;
    const auto begin = text.find_first_not_of(mark);
    text = begin == std::u32string::npos ? U"" : text.substr(begin, text.find_last_not_of(mark) - begin + 1);
  }
  return text;
}

// The harness's general search for a letter, which its static mode falls back on.
Parsed letter_anywhere(const std::string& answer, const std::vector<Option>& options) {
  const std::string stripped = strip(answer);
  if (stripped.empty()) return kNone;
  const std::u32string text = U" " + trimmed(code_points(stripped)) + U" ";
  const std::u32string low = code_points(lower(utf8_of(text)));
  std::u32string letters;
  for (const auto& option : options) letters += static_cast<char32_t>(option.label[0]);
  std::sort(letters.begin(), letters.end());
  Candidates candidates;
  const auto add_all = [&](const std::u32string& prefix, const std::u32string& suffix, Format format) {
    for (const char32_t letter : letters) {
      const auto place = text.rfind(prefix + letter + suffix);
      if (place != std::u32string::npos) candidates.add(letter, place, format);
    }
  };
  add_all(U"(", U")", kParentheses);
  add_all(U"", U".", kPeriod);
  add_all(U"", U":", kColon);
  add_all(U"", U")", kRightParenthesis);
  add_all(U"", U" ", kSpace);
  for (const auto phrase : kPhrases) {
    const auto begin = low.find(phrase);
    if (begin == std::u32string::npos) continue;
    for (const char32_t letter : letters) {
      const auto place = text.find(letter, begin + phrase.size());
      if (place != std::u32string::npos) candidates.add(letter, place, kPhrase);
    }
  }
  const std::u32string core = code_points(strip(utf8_of(text)));
  for (const char32_t letter : letters) {
    if (core.starts_with(letter) && (core.size() == 1 || !is_letter(core[1]))) candidates.add(letter, 0, kStart);
  }
  for (const char32_t letter : letters) {
    if (core.ends_with(letter) && (core.size() == 1 || !is_letter(core[core.size() - 2]))) {
      candidates.add(letter, text.size() - 1, kEnd);
    }
  }
  if (candidates.letter() == 0) add_all(U"", U"", kFallback);
  return candidates.letter() == 0 ? kNone : Parsed{std::string(1, static_cast<char>(candidates.letter())), "search"};
}

// numpy drops zeros at the end; `string.punctuation` is ASCII's.
std::string without_case_and_marks(const std::string& text) {
  std::string bare = lower(text);
  std::erase_if(bare, [](char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  });
  while (!bare.empty() && bare.back() == '\0') bare.pop_back();
  return bare;
}

// A capital letter and a period at the start stand for the letter; otherwise the whole answer is compared.
std::string ai2d_filtered(const std::string& answer) {
  const std::size_t at = skip_spaces(answer, 0);
  const bool letter = at + 1 < answer.size() && answer[at] >= 'A' && answer[at] <= 'Z' && answer[at + 1] == '.';
  return without_case_and_marks(letter ? answer.substr(at, 1) : answer);
}

}  // namespace

Parsed lmms_mmbench_option(const std::string& answer, const std::vector<Option>& options) {
  const std::string text = strip(answer);
  std::vector<Option> four;  // the evaluator knows no further ones
  for (const auto& option : options) {
    if (option.label <= "D") four.push_back(option);
  }
  const Parsed parsed = mmbench_prefetch(text, four);
  return parsed.value.empty() ? letter_anywhere(text, four) : parsed;
}

Parsed lmms_ai2d_option(const std::string& answer, const std::vector<Option>& options) {
  const std::string text = ai2d_filtered(answer);
  for (const auto& option : options) {
    if (text == lower(option.label)) return {option.label, "option"};
  }
  return kNone;
}

Parsed lmms_ai2d_text(const std::string& answer, const std::vector<Option>& options) {
  const std::string text = ai2d_filtered(answer);
  for (const auto& option : options) {
    if (text == without_case_and_marks(option.text)) return {option.label, "text"};
  }
  return kNone;
}

Parsed lmms_scienceqa_option(const std::string& answer, const std::vector<Option>& options) {
  const std::string text = strip(answer), low = lower(text);
  for (const auto& option : options) {
    if (low == lower(option.label)) return {option.label, "option"};
  }
  if (text.size() >= 2 && text[1] == '.' && option_of(options, text.substr(0, 1)) != nullptr) {
    return {text.substr(0, 1), "option"};
  }
  return kNone;
}

Parsed lmms_pope_yes_no(const std::string& answer) {
  const std::string text = strip(lower(answer));
  return text == "yes" || text == "no" ? Parsed{text, "word"} : kNone;
}

Parsed lmms_mme_yes_no(const std::string& answer) {
  const std::string text = replace_all(strip(lower(answer)), ".", "");
  if (text == "y" || text == "n") return {text == "y" ? "yes" : "no", "word"};
  if (length(text) == 1) return kNone;
  return mme_yes_no(text);
}

}  // namespace scalselect::eval
