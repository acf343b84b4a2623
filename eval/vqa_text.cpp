#include "eval/vqa_text.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "core/utf8.h"
#include "eval/text.h"

namespace scalselect::eval {
namespace {

// The public code also lists "Id've", "Im" and other words in capitals, which no lower-cased text can hold.
const std::unordered_map<std::string_view, std::string_view> kContractions = {
    {"aint", "ain't"},
    {"arent", "aren't"},
    {"cant", "can't"},
    {"couldve", "could've"},
    {"couldnt", "couldn't"},
    {"couldn'tve", "couldn't've"},
    {"couldnt've", "couldn't've"},
    {"didnt", "didn't"},
    {"doesnt", "doesn't"},
    {"dont", "don't"},
    {"hadnt", "hadn't"},
    {"hadnt've", "hadn't've"},
    {"hadn'tve", "hadn't've"},
    {"hasnt", "hasn't"},
    {"havent", "haven't"},
    {"hed", "he'd"},
    {"hed've", "he'd've"},
    {"he'dve", "he'd've"},
    {"hes", "he's"},
    {"howd", "how'd"},
    {"howll", "how'll"},
    {"hows", "how's"},
    {"isnt", "isn't"},
    {"itd", "it'd"},
    {"itd've", "it'd've"},
    {"it'dve", "it'd've"},
    {"itll", "it'll"},
    {"maam", "ma'am"},
    {"mightnt", "mightn't"},
    {"mightnt've", "mightn't've"},
    {"mightn'tve", "mightn't've"},
    {"mightve", "might've"},
    {"mustnt", "mustn't"},
    {"mustve", "must've"},
    {"neednt", "needn't"},
    {"notve", "not've"},
    {"oclock", "o'clock"},
    {"oughtnt", "oughtn't"},
    {"ow's'at", "'ow's'at"},
    {"'ows'at", "'ow's'at"},
    {"'ow'sat", "'ow's'at"},
    {"shant", "shan't"},
    {"shed've", "she'd've"},
    {"she'dve", "she'd've"},
    {"shouldve", "should've"},
    {"shouldnt", "shouldn't"},
    {"shouldnt've", "shouldn't've"},
    {"shouldn'tve", "shouldn't've"},
    {"somebody'd", "somebodyd"},
    {"somebodyd've", "somebody'd've"},
    {"somebody'dve", "somebody'd've"},
    {"somebodyll", "somebody'll"},
    {"somebodys", "somebody's"},
    {"someoned", "someone'd"},
    {"someoned've", "someone'd've"},
    {"someone'dve", "someone'd've"},
    {"someonell", "someone'll"},
    {"someones", "someone's"},
    {"somethingd", "something'd"},
    {"somethingd've", "something'd've"},
    {"something'dve", "something'd've"},
    {"somethingll", "something'll"},
    {"thats", "that's"},
    {"thered", "there'd"},
    {"thered've", "there'd've"},
    {"there'dve", "there'd've"},
    {"therere", "there're"},
    {"theres", "there's"},
    {"theyd", "they'd"},
    {"theyd've", "they'd've"},
    {"they'dve", "they'd've"},
    {"theyll", "they'll"},
    {"theyre", "they're"},
    {"theyve", "they've"},
    {"twas", "'twas"},
    {"wasnt", "wasn't"},
    {"wed've", "we'd've"},
    {"we'dve", "we'd've"},
    {"weve", "we've"},
    {"werent", "weren't"},
    {"whatll", "what'll"},
    {"whatre", "what're"},
    {"whats", "what's"},
    {"whatve", "what've"},
    {"whens", "when's"},
    {"whered", "where'd"},
    {"wheres", "where's"},
    {"whereve", "where've"},
    {"whod", "who'd"},
    {"whod've", "who'd've"},
    {"who'dve", "who'd've"},
    {"wholl", "who'll"},
    {"whos", "who's"},
    {"whove", "who've"},
    {"whyll", "why'll"},
    {"whyre", "why're"},
    {"whys", "why's"},
    {"wont", "won't"},
    {"wouldve", "would've"},
    {"wouldnt", "wouldn't"},
    {"wouldnt've", "wouldn't've"},
    {"wouldn'tve", "wouldn't've"},
    {"yall", "y'all"},
    {"yall'll", "y'all'll"},
    {"y'allll", "y'all'll"},
    {"yall'd've", "y'all'd've"},
    {"y'alld've", "y'all'd've"},
    {"y'all'dve", "y'all'd've"},
    {"youd", "you'd"},
    {"youd've", "you'd've"},
    {"you'dve", "you'd've"},
    {"youll", "you'll"},
    {"youre", "you're"},
    {"youve", "you've"},
};

const std::unordered_map<std::string_view, std::string_view> kNumbers = {
    {"none", "0"}, {"zero", "0"}, {"one", "1"},   {"two", "2"},   {"three", "3"}, {"four", "4"},
    {"five", "5"}, {"six", "6"},  {"seven", "7"}, {"eight", "8"}, {"nine", "9"},  {"ten", "10"}};

constexpr std::string_view kMarks = ";/[]\"{}()=+\\_-><@`,?!";
// The public code passes a flag (re.UNICODE, 32) where the number of replacements is expected.
constexpr int kMostPeriods = 32;

bool is_digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && u_isdigit(static_cast<UChar32>(decode_utf8(text, at).point));
}

bool is_digit_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return is_digit_at(text, begin);
}

// A comma between digits anywhere makes every mark disappear instead of becoming a blank.
bool has_digit_comma(std::string_view text, bool several) {
  for (std::size_t at = text.find(','); at != std::string_view::npos; at = text.find(',', at + 1)) {
    if (!is_digit_before(text, at)) continue;
    const std::size_t end = several ? std::min(text.find_first_not_of(',', at), text.size()) : at + 1;
    if (is_digit_at(text, end)) return true;
  }
  return false;
}

std::string without_marks(std::string_view text, VqaDialect dialect) {
  const bool digit_comma = has_digit_comma(text, dialect == VqaDialect::kMmf);
  bool vanishes[kMarks.size()];
  for (std::size_t i = 0; i < kMarks.size(); ++i) {
    const char after[] = {kMarks[i], ' '}, before[] = {' ', kMarks[i]};
    vanishes[i] = digit_comma || text.find(std::string_view(after, 2)) != std::string_view::npos ||
                  text.find(std::string_view(before, 2)) != std::string_view::npos;
  }
  std::string result;
  for (const char c : text) {
    const std::size_t mark = kMarks.find(c);
    if (mark == std::string_view::npos) result += c;
    else if (!vanishes[mark]) result += ' ';
  }
  return result;
}

std::string without_periods(std::string_view text, VqaDialect dialect) {
  std::string result;
  int removed = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool kept = is_digit_at(text, at + 1) || (dialect == VqaDialect::kVk && is_digit_before(text, at));
    if (text[at] != '.' || kept || removed == kMostPeriods) result += text[at];
    else ++removed;
  }
  return result;
}

std::string plain_words(std::string_view text) {
  std::string result;
  bool first = true;
  for (const auto& word : split_words(lower(text))) {
    const auto number = kNumbers.find(word);
    const std::string_view spelt = number == kNumbers.end() ? std::string_view(word) : number->second;
    if (spelt == "a" || spelt == "an" || spelt == "the") continue;
    const auto contraction = kContractions.find(spelt);
    if (!first) result += ' ';
    result += contraction == kContractions.end() ? spelt : contraction->second;
    first = false;
  }
  return result;
}

bool is_edge(char32_t point) {
  return u_isUWhiteSpace(static_cast<UChar32>(point)) || u_ispunct(static_cast<UChar32>(point)) || point == '`' ||
         point == '^';
}

icu::UnicodeString utf16(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

}  // namespace

std::string one_line_answer(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\t', ' ');
  return strip(line);
}

std::string vqa_answer(std::string_view text, VqaDialect dialect) {
  return plain_words(without_periods(without_marks(one_line_answer(text), dialect), dialect));
}

std::string mmf_answer(std::string_view text) {
  std::string words = lower(text);
  std::erase(words, ',');
  std::erase(words, '?');
  return vqa_answer(strip(replace_all(std::move(words), "'s", " 's")), VqaDialect::kMmf);
}

std::string bare_answer(std::string_view text) {
  const std::string low = lower(text);
  std::size_t begin = std::string::npos, end = 0;
  for (std::size_t at = 0; at < low.size();) {
    const auto next = decode_utf8(low, at);
    if (!is_edge(next.point)) {
      begin = std::min(begin, at);
      end = at + next.bytes;
    }
    at += next.bytes;
  }
  return begin == std::string::npos ? std::string() : low.substr(begin, end - begin);
}

std::string capitalized(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t first = decode_utf8(text, 0).bytes;
  std::string result;
  utf16(text.substr(0, first)).toTitle(nullptr, icu::Locale::getRoot()).toUTF8String(result);
  return result + lower(text.substr(first));
}

std::size_t upper_length(std::string_view text) {
  return static_cast<std::size_t>(utf16(text).toUpper(icu::Locale::getRoot()).countChar32());
}

}  // namespace scalselect::eval
