#include "core/options.h"

#include <fmt/format.h>

namespace scalselect::detail {
namespace {

std::string where(const std::string& key, const KeyOrigin& origin) {
  const std::string place = origin ? origin(key) : std::string();
  return place.empty() ? std::string() : " (set in " + place + ")";
}

}  // namespace

void throw_wrong_type(const std::string& key, const nlohmann::json& value, const std::string& expected,
                      const KeyOrigin& origin) {
  throw UserError(ErrorKind::kUsage,
                  fmt::format("'{}' is {}{}, but must be {}.", key, value.dump(), where(key, origin), expected));
}

void throw_unknown_key(const std::string& key, const std::vector<std::string>& known, const KeyOrigin& origin) {
  const auto dot = key.rfind('.');
  const std::string leaf = dot == std::string::npos ? key : key.substr(dot + 1);
  std::string list;
  for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("There is no key '{}'{}.{}", key, where(key, origin), did_you_mean(leaf, known)),
                  "Known keys here: " + list + ".");
}

void check_range(const std::string& key, double value, const Range& range, const KeyOrigin& origin) {
  if (value >= range.low && value <= range.high) return;
  throw UserError(ErrorKind::kUsage, fmt::format("'{}' is {}{}, but must lie in [{}, {}].", key, value,
                                                 where(key, origin), range.low, range.high));
}

}  // namespace scalselect::detail
