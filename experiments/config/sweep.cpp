// Enumerating sweeps: `a=1,2 b=range(3)` into the words of each job.
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "experiments/config/override.h"
#include "experiments/config/refuse.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

/// The decimal places of a number as it is printed: 2 of 0.25, 5 of 1e-05.
int decimal_places(const Value& value) {
  const std::string text = python_str(value);
  const auto e = std::min(text.find('e'), text.size()), point = text.find('.');
  const int exponent = e < text.size() ? std::atoi(text.c_str() + e + 1) : 0;
  const int places = point < e ? static_cast<int>(e - point) - 1 : 0;
  const bool whole = places == 1 && text[point + 1] == '0';
  return std::max(0, (whole ? 0 : places) - exponent);
}

/// The numbers of a range in steps of 10^-places, so that start + i * step has no rounding: range(0,1,0.1) has 10.
struct Range {
  std::int64_t start = 0, step = 1;
  std::size_t count = 0;
  int places = 0;
  bool whole_numbers = false;
};

Range to_range(const Sweep& sweep, const std::string& word) {
  const Value* const bounds[] = {&sweep.start, &sweep.stop, &sweep.step};
  Range range;
  for (const Value* v : bounds) range.places = std::max(range.places, decimal_places(*v));
  const auto scaled = [&](const Value& v) {
    const double value = v.as_number() * std::pow(10.0, range.places);
    if (!(std::abs(value) <= 9e15)) refuse("The range of '" + word + "' has a bound or a step of too many digits.");
    return std::llround(value);
  };
  range.start = scaled(sweep.start);
  range.step = scaled(sweep.step);
  const std::int64_t way = scaled(sweep.stop) - range.start;
  if (range.step == 0) refuse("The step of the range in '" + word + "' is 0.");
  if (way != 0 && (way > 0) == (range.step > 0)) {
    range.count = static_cast<std::size_t>((way + range.step - (range.step > 0 ? 1 : -1)) / range.step);
  }
  range.whole_numbers = std::all_of(std::begin(bounds), std::end(bounds), [](const Value* v) { return v->is_int(); });
  return range;
}

Value range_value(const Range& range, std::size_t index) {
  const std::int64_t at = range.start + range.step * static_cast<std::int64_t>(index);
  if (range.whole_numbers) return Value::integer(at);
  return Value::floating(static_cast<double>(at) / std::pow(10.0, range.places));  // both exact: the nearest double
}

bool matches_any(const std::string& name, const std::vector<std::string>& globs) {
  for (const auto& glob : globs) {
    if (fnmatch(glob.c_str(), name.c_str(), FNM_NOESCAPE) == 0) return true;
  }
  return false;
}

/// The words of one override: as many as `count`, each made on request.
struct Axis {
  std::string key;  ///< with its '='; empty for an override that is not a sweep
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
    refuse("Sweeping over Hydra's configuration is not supported : '" + override.text + "'");
  }
  Axis axis{override.key_element() + "=", 0, {}, {}};
  const Sweep& sweep = override.sweep;
  switch (sweep.kind) {
    case SweepKind::kSimpleChoice:
    case SweepKind::kChoice:
      for (const auto& choice : sweep.choices) axis.values.push_back(override_text(choice));
      break;
    case SweepKind::kRange: axis.range = to_range(sweep, override.text); break;
    case SweepKind::kGlob:
      for (const auto& option : group_options(override.key)) {
        if (matches_any(option, sweep.include) && !matches_any(option, sweep.exclude)) axis.values.push_back(option);
      }
      break;
    default:
      refuse("'" + override.text + "' is an interval, which has no list of values.",
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
  refuse("The sweep has " + std::to_string(static_cast<std::int64_t>(jobs)) + " jobs (" + factors +
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
