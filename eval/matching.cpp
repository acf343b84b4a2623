#include "eval/matching.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "eval/text.h"

namespace scalselect::eval {
namespace {

const Parsed kNone{"", "none"};

bool has_label(const std::vector<Option>& options, const std::string& label) {
  return std::any_of(options.begin(), options.end(), [&](const Option& option) { return option.label == label; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Steps 2 to 4: labels among the tokens. An empty optional means that later steps decide.
std::optional<Parsed> label_among_tokens(const std::string& answer, const std::vector<Option>& options,
                                         OptionRules rules) {
  std::string bare = answer;
  for (char& c : bare) {
    if (std::string_view(".()[],:;!*#{}").find(c) != std::string_view::npos) c = ' ';
  }
  const std::vector<std::string> tokens = split_words(bare);
  const auto first = [&](const std::string& label) { return std::find(tokens.begin(), tokens.end(), label); };
  std::vector<std::string> present;
  for (const auto& option : options) {
    if (first(option.label) != tokens.end()) present.push_back(option.label);
  }
  if (present.empty() && first("Z") != tokens.end()) return Parsed{"Z", "option"};
  if (present.size() != 1) return std::nullopt;
  const auto from_end = tokens.end() - first(present[0]);
  if (rules == OptionRules::kVk2024 || from_end <= 4) return Parsed{present[0], "option"};
  return std::nullopt;
}

// Step 5: "answer is X", where X need not end the word.
std::optional<Parsed> label_after_answer_is(const std::string& answer, const std::vector<Option>& options) {
  const std::string text = lower(answer);
  for (std::size_t start = text.find("answer"); start != std::string::npos; start = text.find("answer", start + 1)) {
    const std::size_t verb = skip_spaces(text, start + 6);
    if (verb == start + 6 || text.compare(verb, 2, "is") != 0) continue;
    std::size_t at = skip_spaces(text, verb + 2);
    if (at == verb + 2) continue;
    while (at < text.size() && text[at] == '*') ++at;
    if (at >= text.size() || text[at] < 'a' || text[at] > 'd') continue;
    const std::string label(1, static_cast<char>(text[at] - 32));
    return has_label(options, label) ? std::optional(Parsed{label, "regex"}) : std::nullopt;
  }
  return std::nullopt;
}

// Step 6: exactly one option's text inside the answer.
Parsed label_by_text(const std::string& answer, const std::vector<Option>& options, OptionRules rules) {
  const std::string text = lower(answer);
  std::size_t total = 0;
  for (const auto& option : options) total += length(option.text);
  if (rules != OptionRules::kVk2024 && length(text) > 2 * total) return kNone;
  std::vector<std::string> found;
  for (const auto& option : options) {
    if (text.find(lower(option.text)) != std::string::npos) found.push_back(option.label);
  }
  return found.size() == 1 ? Parsed{found[0], "text"} : kNone;
}

// Punctuation and blanks that are allowed around a lone letter, as UTF-8 strings.
constexpr std::string_view kMarks[] = {" ",  "\n", "\t", ".",  ",",  ":",  ";",  "!", "?", "(", ")", "[",
                                       "]",  "{",  "}",  "<",  ">",  "*",  "\"", "'", "`", "#", "/", "。",
                                       "，", "、", "：", "；", "！", "（", "）", "“", "”", "．"};

std::string trim_marks(std::string_view text) {
  for (bool again = true; again && !text.empty();) {
    again = false;
    for (const auto mark : kMarks) {
      if (text.starts_with(mark)) text.remove_prefix(mark.size()), again = true;
      if (text.ends_with(mark)) text.remove_suffix(mark.size()), again = true;
    }
  }
  return std::string(text);
}

bool starts_with_mark(std::string_view text) {
  return std::any_of(std::begin(kMarks) + 3, std::end(kMarks),
                     [&](std::string_view mark) { return text.starts_with(mark); });
}

// The label at the start of `text` if a mark (or the end) follows it.
std::string leading_label(const std::string& text, const std::vector<Option>& options) {
  if (text.empty()) return {};
  const std::string label(1, static_cast<char>(std::toupper(static_cast<unsigned char>(text[0]))));
  const bool alone = text.size() == 1 || starts_with_mark(std::string_view(text).substr(1));
  return alone && has_label(options, label) ? label : std::string();
}

}  // namespace

Parsed infer_option(const std::string& answer, const std::vector<Option>& options, OptionRules rules) {
  static constexpr std::array<std::string_view, 4> kRefusals = {
      "Sorry, I can't help with images of people yet.", "I can't process this file.",
      "I'm sorry, but without the image provided", "Cannot determine the answer"};
  if (answer.find("Failed to obtain answer via API") == std::string::npos) {
    for (const auto refusal : kRefusals) {
      if (answer.find(refusal) != std::string::npos) return {"Z", "refusal"};
    }
    if (const auto parsed = label_among_tokens(answer, options, rules)) return *parsed;
    if (rules == OptionRules::kVk2026) {
      if (const auto parsed = label_after_answer_is(answer, options)) return *parsed;
    }
  }
  return label_by_text(answer, options, rules);
}

Parsed scienceqa_option(const std::string& answer, const std::vector<Option>& options) {
  // The script knows the letters A to E; one beyond the question's own options is an answer, and wrong.
  const auto is_choice = [](char c) { return c >= 'A' && c <= 'E'; };
  const auto chosen = [&](char letter, const char* rule) {
    const std::string label(1, letter);
    return has_label(options, label) ? Parsed{label, rule} : kNone;
  };
  if (answer.size() == 1 && is_choice(answer[0])) return chosen(answer[0], "option");
  if (answer.size() >= 3 && is_choice(answer[0]) && answer.compare(1, 2, ". ") == 0) return chosen(answer[0], "option");
  // The script's pattern is "The answer is ([A-Z])." with an unescaped period: any character but a newline.
  constexpr std::string_view kPhrase = "The answer is ";
  std::string found;
  for (std::size_t at = answer.find(kPhrase); at != std::string::npos; at = answer.find(kPhrase, at + 1)) {
    const std::size_t letter = at + kPhrase.size();
    if (letter + 1 >= answer.size() || answer[letter + 1] == '\n') continue;
    if (answer[letter] >= 'A' && answer[letter] <= 'Z') found += answer[letter];
  }
  return found.size() == 1 ? chosen(found[0], "regex") : kNone;
}

Parsed strict_option(const std::string& answer, const std::vector<Option>& options) {
  const std::string text = trim_marks(answer);
  if (const auto label = leading_label(text, options); !label.empty()) return {label, "option"};
  const std::string low = lower(text);
  std::vector<std::string> same;
  for (const auto& option : options) {
    if (low == lower(trim_marks(option.text))) same.push_back(option.label);
  }
  if (same.size() == 1) return {same[0], "text"};
  for (const std::string_view phrase : {"answer is", "answer:", "答案是", "答案：", "选"}) {
    const std::size_t at = low.rfind(phrase);
    if (at == std::string::npos || low.size() != text.size()) continue;
    const auto label = leading_label(trim_marks(std::string_view(text).substr(at + phrase.size())), options);
    if (!label.empty()) return {label, "regex"};
  }
  return kNone;
}

Parsed pope_yes_no(const std::string& answer) {
  const std::string text = replace_all(answer.substr(0, answer.find('.')), ",", "");
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (word == "No" || word == "not" || word == "no") return {"no", "word"};
    begin = end + 1;
  }
  return {"yes", "word"};
}

Parsed mme_yes_no(const std::string& answer) {
  const std::string text = lower(answer);
  if (text == "yes" || text == "no") return {text, "word"};
  std::size_t bytes = 0;
  for (int points = 0; points < 4 && bytes < text.size(); ++points) {
    ++bytes;
    while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) ++bytes;
  }
  const std::string head = text.substr(0, bytes);
  if (head.find("yes") != std::string::npos) return {"yes", "word"};
  return head.find("no") != std::string::npos ? Parsed{"no", "word"} : kNone;
}

std::string vqa_punctuation(const std::string& text) {
  bool digit_comma = false;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    digit_comma = digit_comma || (text[i] == ',' && is_digit(text[i - 1]) && is_digit(text[i + 1]));
  }
  std::string spaced;
  for (const char c : text) {
    if (std::string_view(";/[]\"{}()=+\\_-><@`,?!").find(c) == std::string_view::npos) {
      spaced += c;
    } else if (!digit_comma && text.find(std::string{c, ' '}) == std::string::npos &&
               text.find(std::string{' ', c}) == std::string::npos) {
      spaced += ' ';
    }
  }
  std::string result;
  int removed = 0;  // the original passes a flag (32) where the number of replacements is expected
  for (std::size_t i = 0; i < spaced.size(); ++i) {
    const bool between = (i > 0 && is_digit(spaced[i - 1])) || (i + 1 < spaced.size() && is_digit(spaced[i + 1]));
    if (spaced[i] == '.' && !between && removed < 32) {
      ++removed;
    } else {
      result += spaced[i];
    }
  }
  return result;
}

Parsed vk_yes_no(const std::string& answer) {
  const auto words = split_words(vqa_punctuation(lower(answer)));
  const bool yes = std::find(words.begin(), words.end(), "yes") != words.end();
  const bool no = std::find(words.begin(), words.end(), "no") != words.end();
  return yes == no ? kNone : Parsed{yes ? "yes" : "no", "word"};
}

Parsed strict_yes_no(const std::string& answer) {
  const auto words = split_words(trim_marks(lower(answer)));
  const std::string first = words.empty() ? std::string() : trim_marks(words[0]);
  return first == "yes" || first == "no" ? Parsed{first, "word"} : kNone;
}

Parsed ocrbench_match(const std::string& response, const std::vector<std::string>& answers, bool formula,
                      Folding folding) {
  const auto normal = [&](const std::string& text) {
    if (formula) return replace_all(replace_all(strip(text), "\n", " "), " ", "");
    return replace_all(strip(lower(folding == Folding::kFullWidth ? fold_full_width(text) : text)), "\n", " ");
  };
  const std::string text = normal(response);
  for (const auto& answer : answers) {
    if (text.find(normal(answer)) != std::string::npos) return {answer, "contains"};
  }
  return {text, "contains"};
}

}  // namespace scalselect::eval
