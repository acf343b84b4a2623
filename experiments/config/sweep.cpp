// Enumerating sweeps: `a=1,2 b=range(3)` into the words of each job.
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

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

/// The numbers of a range, on one scale.
struct Range {
  Decimal start, step;
  std::size_t count = 0;
  bool whole_numbers = false;
};

Range to_range(const Sweep& sweep, const std::string& word) {
  for (const Value* v : {&sweep.start, &sweep.stop, &sweep.step}) {
    const bool bad = v->is_float() && (!std::isfinite(v->as_float()) || std::abs(v->as_float()) > 1e15);
    if (bad || v->big()) throw UserError(ErrorKind::kUsage, "The range of '" + word + "' has a bound out of bounds.");
  }
  Range range{to_decimal(sweep.start), to_decimal(sweep.step)};
  Decimal stop = to_decimal(sweep.stop);
  const int scale = std::max({range.start.scale, stop.scale, range.step.scale});
  if (scale > 18) throw UserError(ErrorKind::kUsage, "The range of '" + word + "' has too many decimal places.");
  for (Decimal* d : {&range.start, &stop, &range.step}) rescale(*d, scale);
  const auto step = range.step.whole, way = stop.whole - range.start.whole;
  if (step == 0) throw UserError(ErrorKind::kUsage, "The step of the range in '" + word + "' is 0.");
  if (way != 0 && (way > 0) == (step > 0)) {
    const auto count = (way + step - (step > 0 ? 1 : -1)) / step;
    range.count = static_cast<std::size_t>(std::min<__int128>(count, std::numeric_limits<std::int64_t>::max()));
  }
  range.whole_numbers = sweep.start.is_int() && sweep.stop.is_int() && sweep.step.is_int();
  return range;
}

Value range_value(const Range& range, std::size_t index) {
  Decimal at = range.start;
  at.whole += range.step.whole * static_cast<__int128>(index);
  return range.whole_numbers ? Value::integer(static_cast<std::int64_t>(at.whole)) : Value::floating(to_double(at));
}

bool matches_any(const std::string& name, const std::vector<std::string>& globs) {
  for (const auto& glob : globs) {
    if (fnmatch(glob.c_str(), name.c_str(), FNM_NOESCAPE) == 0) return true;
  }
  return false;
}

/// The words of one override: as many as `count`, each made when it is asked for.
struct Axis {
  std::string key;  ///< with its '='; empty for an override that is no sweep
  std::size_t count = 1;
  std::vector<std::string> values;
  Range range;

  std::string word(std::size_t index) const {
    return key + (range.count > 0 ? python_str(range_value(range, index)) : values[index]);
  }
};

Axis axis_of(const Override& override,
             const std::function<std::vector<std::string>(const std::string&)>& group_options) {
  if (!override.is_sweep()) return {"", 1, {override.text}, {}};
  if (override.is_hydra()) {
    throw UserError(ErrorKind::kUsage,
                    "Sweeping over Hydra's configuration is not supported : '" + override.text + "'");
  }
  Axis axis{override.key_element() + "=", 0, {}, {}};
  const Sweep& sweep = override.sweep;
  switch (sweep.kind) {
    case SweepKind::kSimpleChoice:
    case SweepKind::kChoice:
      for (const auto& choice : sweep.choices) axis.values.push_back(choice.written);
      break;
    case SweepKind::kRange: axis.range = to_range(sweep, override.text); break;
    case SweepKind::kGlob:
      for (const auto& option : group_options(override.key)) {
        if (matches_any(option, sweep.include) && !matches_any(option, sweep.exclude)) axis.values.push_back(option);
      }
      break;
    default:
      throw UserError(ErrorKind::kUsage, "'" + override.text + "' is an interval, which has no list of values.",
                      "Use range(start,stop,step) or choice(...).");
  }
  axis.count = axis.range.count + axis.values.size();
  return axis;
}

/// The number of jobs; none if an axis is empty. Throws UserError if there are too many.
std::size_t count_jobs(const std::vector<Axis>& axes) {
  __int128 jobs = 1;
  std::string factors;
  for (const auto& axis : axes) {
    if (!axis.key.empty()) factors += (factors.empty() ? "" : " x ") + std::to_string(axis.count) + " of " + axis.key;
    jobs = std::min<__int128>(jobs * axis.count, std::numeric_limits<std::int64_t>::max());
    if (!axis.key.empty()) factors.pop_back();
  }
  if (jobs <= static_cast<__int128>(kMaxJobs)) return static_cast<std::size_t>(jobs);
  throw UserError(ErrorKind::kUsage,
                  "The sweep has " + std::to_string(static_cast<std::int64_t>(jobs)) + " jobs (" + factors +
                      "); one command takes at most " + std::to_string(kMaxJobs) + ".",
                  "Give fewer values or larger steps, or sweep in parts.");
}

}  // namespace

std::vector<std::vector<std::string>> expand_sweep(
    const std::vector<std::string>& texts,
    const std::function<std::vector<std::string>(const std::string& group)>& group_options) {
  std::vector<Axis> axes;
  for (const auto& override : parse_overrides(texts)) axes.push_back(axis_of(override, group_options));
  std::vector<std::vector<std::string>> jobs(count_jobs(axes));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    std::size_t rest = i;
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      jobs[i].push_back(axis->word(rest % axis->count));
      rest /= axis->count;
    }
    std::reverse(jobs[i].begin(), jobs[i].end());
  }
  return jobs;
}

}  // namespace scalselect::config
