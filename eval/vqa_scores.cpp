#include "eval/vqa_scores.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "core/utf8.h"
#include "eval/text.h"
#include "eval/vqa_text.h"

namespace scalselect::eval {
namespace {

double running_mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double exact_mean(std::span<const double> values) {
  // Sums of few values between 0 and 1 fit 64 bits of mantissa, so that only the quotient is rounded.
  long double sum = 0;
  for (const double value : values) sum += value;
  return static_cast<double>(sum / static_cast<long double>(values.size()));
}

// numpy's order of additions for up to 128 values.
double pairwise_mean(std::span<const double> values) {
  if (values.size() < 8 || values.size() > 128) return running_mean(values);
  double lane[8];
  std::copy_n(values.begin(), 8, lane);
  std::size_t at = 8;
  for (; at + 8 <= values.size(); at += 8) {
    for (std::size_t i = 0; i < 8; ++i) lane[i] += values[at + i];
  }
  double sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
  for (; at < values.size(); ++at) sum += values[at];
  return sum / static_cast<double>(values.size());
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = decode_utf8(text, at);
    points += next.point;
    at += next.bytes;
  }
  return points;
}

std::string single_blanks(std::string_view text) {
  std::string result;
  for (const auto& word : split_words(lower(text))) result += (result.empty() ? "" : " ") + word;
  return result;
}

std::size_t levenshtein(const std::u32string& a, const std::u32string& b) {
  std::vector<std::size_t> row(a.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t j = 0; j < b.size(); ++j) {
    std::size_t diagonal = row[0];
    row[0] = j + 1;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const std::size_t above = row[i + 1];
      row[i + 1] = a[i] == b[j] ? diagonal : 1 + std::min({diagonal, above, row[i]});
      diagonal = above;
    }
  }
  return row.back();
}

// Digits of any script as ASCII; an empty text for one that cannot be a number.
std::string ascii_number(std::string_view text) {
  std::string number;
  const std::string bare = strip(text);
  for (std::size_t at = 0; at < bare.size();) {
    const auto next = decode_utf8(bare, at);
    const int digit = u_charDigitValue(static_cast<UChar32>(next.point));
    if (next.point < 0x80) number += static_cast<char>(next.point);
    else if (digit >= 0 && u_isdigit(static_cast<UChar32>(next.point))) number += static_cast<char>('0' + digit);
    else return {};
    at += next.bytes;
  }
  return number;
}

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

// Without underscores, each of which must stand between digits; an empty text otherwise.
std::string without_underscores(const std::string& number) {
  std::string result;
  for (std::size_t i = 0; i < number.size(); ++i) {
    if (number[i] != '_') result += number[i];
    else if (i == 0 || i + 1 == number.size() || !is_ascii_digit(number[i - 1]) || !is_ascii_digit(number[i + 1]))
      return {};
  }
  return result;
}

// What a number too large or too small for a double is.
double out_of_range(std::string_view number) {
  const std::size_t exponent = number.find_first_of("eE");
  const bool small =
      exponent != std::string_view::npos ? number[exponent + 1] == '-' : number[0] == '0' || number[0] == '.';
  return small ? 0.0 : std::numeric_limits<double>::infinity();
}

// As relaxed accuracy reads it: any number of percent signs at the end divides by 100.
std::optional<double> number_or_percent(std::string_view text) {
  if (!text.ends_with('%')) return python_float(text);
  while (text.ends_with('%')) text.remove_suffix(1);
  auto number = python_float(text);
  if (number) *number /= 100.0;
  return number;
}

}  // namespace

double soft_accuracy(std::span<const std::string> references, std::string_view value, Averaging averaging) {
  if (references.empty()) return 0;
  const auto same = static_cast<double>(std::count(references.begin(), references.end(), value));
  std::vector<double> each;
  for (const auto& reference : references) each.push_back(std::min(1.0, (same - (reference == value ? 1 : 0)) / 3));
  switch (averaging) {
    case Averaging::kRunning: return running_mean(each);
    case Averaging::kExact: return exact_mean(each);
    case Averaging::kPairwise: return pairwise_mean(each);
  }
  return 0;
}

double anls(std::span<const std::string> references, std::string_view value) {
  if (references.empty()) return 0;
  const std::u32string said = code_points(single_blanks(value));
  const std::size_t said_length = upper_length(value);
  double least = 1;
  for (const auto& reference : references) {
    const std::size_t length = std::max(upper_length(reference), said_length);
    const auto distance = static_cast<double>(levenshtein(code_points(single_blanks(reference)), said));
    least = std::min(least, length == 0 ? 0.0 : distance / static_cast<double>(length));
  }
  return 1 - least < 0.5 ? 0 : 1 - least;
}

bool relaxed_match(std::string_view target, std::string_view prediction) {
  const auto wanted = number_or_percent(target), said = number_or_percent(prediction);
  if (said && wanted && *wanted != 0) return std::abs(*said - *wanted) / std::abs(*wanted) <= 0.05;
  return lower(prediction) == lower(target);
}

std::optional<double> python_float(std::string_view text) {
  const std::string spelt = without_underscores(ascii_number(text));
  std::string_view number = spelt;
  const bool negative = number.starts_with('-');
  if (negative || number.starts_with('+')) number.remove_prefix(1);
  if (number.empty()) return std::nullopt;
  const std::string low = lower(number);
  double value = 0;
  if (low == "inf" || low == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (low == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (!is_ascii_digit(number[0]) && number[0] != '.') {
    return std::nullopt;
  } else {
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (end != number.data() + number.size() || error == std::errc::invalid_argument) return std::nullopt;
    if (error == std::errc::result_out_of_range) value = out_of_range(number);
  }
  return negative ? -value : value;
}

}  // namespace scalselect::eval
