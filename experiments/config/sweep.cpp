// Enumerating sweeps: `a=1,2 b=range(3)` into the words of each job.
#include <fnmatch.h>

#include <cmath>
#include <cstdlib>

#include "core/error.h"
#include "experiments/config/override.h"
#include "experiments/config/python_text.h"

namespace scalselect::config {
namespace {

/// A decimal number as whole * 10^-scale, so that start + i * step has no rounding (range(0,1,0.1) has 10 values).
struct Decimal {
  __int128 whole = 0;
  int scale = 0;
};

Decimal to_decimal(const Value& value) {
  Decimal result;
  std::string text = python_str(value);
  int exponent = 0;
  const auto e = text.find('e');
  if (e != std::string::npos) {
    exponent = std::atoi(text.c_str() + e + 1);
    text.resize(e);
  }
  bool negative = false, fraction = false;
  for (const char c : text) {
    if (c == '-') negative = true;
    else if (c == '.') fraction = true;
    else {
      result.whole = result.whole * 10 + (c - '0');
      result.scale += fraction ? 1 : 0;
    }
  }
  result.scale -= exponent;
  while (result.scale < 0) {
    result.whole *= 10;
    ++result.scale;
  }
  if (negative) result.whole = -result.whole;
  return result;
}

void rescale(Decimal& d, int scale) {
  for (; d.scale < scale; ++d.scale) d.whole *= 10;
}

double to_double(const Decimal& d) {
  const bool negative = d.whole < 0;
  __int128 rest = negative ? -d.whole : d.whole;
  std::string digits;
  for (; rest > 0; rest /= 10) digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  if (digits.empty()) digits = "0";
  const double value = std::strtod((digits + "e-" + std::to_string(d.scale)).c_str(), nullptr);
  return negative ? -value : value;
}

std::vector<Value> enumerate_range(const Sweep& sweep, const std::string& word) {
  for (const Value* v : {&sweep.start, &sweep.stop, &sweep.step}) {
    const bool bad = v->is_float() && (!std::isfinite(v->as_float()) || std::abs(v->as_float()) > 1e15);
    if (bad || v->big()) throw UserError(ErrorKind::kUsage, "The range of '" + word + "' has a bound out of bounds.");
  }
  Decimal start = to_decimal(sweep.start), stop = to_decimal(sweep.stop), step = to_decimal(sweep.step);
  const int scale = std::max({start.scale, stop.scale, step.scale});
  if (scale > 25) throw UserError(ErrorKind::kUsage, "The range of '" + word + "' has too many decimal places.");
  for (Decimal* d : {&start, &stop, &step}) rescale(*d, scale);
  if (step.whole == 0) throw UserError(ErrorKind::kUsage, "The step of the range in '" + word + "' is 0.");
  const bool whole_numbers = sweep.start.is_int() && sweep.stop.is_int() && sweep.step.is_int();
  std::vector<Value> values;
  for (Decimal at = start; step.whole > 0 ? at.whole < stop.whole : at.whole > stop.whole; at.whole += step.whole) {
    values.push_back(whole_numbers ? Value::integer(static_cast<std::int64_t>(at.whole))
                                   : Value::floating(to_double(at)));
    if (values.size() > 1000000) throw UserError(ErrorKind::kUsage, "The range of '" + word + "' exceeds 1e6 values.");
  }
  return values;
}

bool matches_any(const std::string& name, const std::vector<std::string>& globs) {
  for (const auto& glob : globs) {
    if (fnmatch(glob.c_str(), name.c_str(), FNM_NOESCAPE) == 0) return true;
  }
  return false;
}

std::vector<std::string> enumerate(const Override& override,
                                   const std::function<std::vector<std::string>(const std::string&)>& group_options) {
  std::vector<std::string> values;
  const Sweep& sweep = override.sweep;
  switch (sweep.kind) {
    case SweepKind::kSimpleChoice:
    case SweepKind::kChoice:
      for (const auto& choice : sweep.choices) values.push_back(choice.written);
      break;
    case SweepKind::kRange:
      for (const auto& value : enumerate_range(sweep, override.text)) values.push_back(python_str(value));
      break;
    case SweepKind::kGlob:
      for (const auto& option : group_options(override.key)) {
        if (matches_any(option, sweep.include) && !matches_any(option, sweep.exclude)) values.push_back(option);
      }
      break;
    default:
      throw UserError(ErrorKind::kUsage, "'" + override.text + "' is an interval, which has no list of values.",
                      "Use range(start,stop,step) or choice(...).");
  }
  return values;
}

}  // namespace

std::vector<std::vector<std::string>> expand_sweep(
    const std::vector<std::string>& texts,
    const std::function<std::vector<std::string>(const std::string& group)>& group_options) {
  std::vector<std::vector<std::string>> jobs{{}};
  for (const auto& override : parse_overrides(texts)) {
    std::vector<std::string> words;
    if (!override.is_sweep()) {
      words = {override.text};
    } else {
      if (override.is_hydra()) {
        throw UserError(ErrorKind::kUsage,
                        "Sweeping over Hydra's configuration is not supported : '" + override.text + "'");
      }
      for (const auto& value : enumerate(override, group_options))
        words.push_back(override.key_element() + "=" + value);
    }
    std::vector<std::vector<std::string>> longer;
    for (const auto& job : jobs) {
      for (const auto& word : words) {
        longer.push_back(job);
        longer.back().push_back(word);
      }
    }
    jobs = std::move(longer);
  }
  return jobs;
}

}  // namespace scalselect::config
