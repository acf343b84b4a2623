// Jinja2's filters that make numbers.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "vlm/jinja/filter_call.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

/// Python's int(text, base).
bool read_integer(std::string text, int base, std::int64_t& out) {
  text = strip(text, nullptr, true, true);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.erase(0, 1);
  const auto prefix = lower(text.substr(0, 2));
  const int marked = prefix == "0x" ? 16 : prefix == "0o" ? 8 : prefix == "0b" ? 2 : 0;
  if (marked != 0 && (base == marked || base == 0)) text.erase(0, 2);
  if (base == 0) base = marked == 0 ? 10 : marked;
  if (text.empty() || text.front() == '_' || text.back() == '_' || text.find("__") != text.npos) return false;
  text = replace(text, "_", "", -1);
  if (text.front() == '-') return false;
  std::uint64_t size = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), size, base);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return false;
  if (size > static_cast<std::uint64_t>(INT64_MAX)) return false;
  out = minus ? -static_cast<std::int64_t>(size) : static_cast<std::int64_t>(size);
  return true;
}

bool read_float(std::string text, double& out) {
  text = replace(strip(text, nullptr, true, true), "_", "", -1);
  const auto bare = text.find_first_of("xXpP") != text.npos || text.empty() ? std::string() : text;
  char* end = nullptr;
  out = std::strtod(bare.c_str(), &end);
  return !bare.empty() && *end == 0;
}

Value whole(double value, const Value& otherwise) {
  if (!(std::abs(value) < 9.2e18)) return otherwise;
  return static_cast<std::int64_t>(value);
}

Value int_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"default", "base"});
  const Value otherwise = args.find("default") == nullptr ? Value(0) : *args.find("default");
  if (call.operand.is_undefined()) call.operand.raise_undefined();
  if (call.operand.is_integer()) return call.operand.integer();
  if (call.operand.is_number()) return whole(call.operand.number(), otherwise);
  if (!call.operand.is_string()) return otherwise;
  std::int64_t value = 0;
  const auto base = args.integer("base", 10);
  if (base != 0 && (base < 2 || base > 36)) return otherwise;
  if (read_integer(call.operand.string(), static_cast<int>(base), value)) return value;
  double real = 0;
  return read_float(call.operand.string(), real) ? whole(real, otherwise) : otherwise;
}

Value float_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"default"});
  if (call.operand.is_undefined()) call.operand.raise_undefined();
  if (call.operand.is_number()) return call.operand.number();
  double value = 0;
  if (call.operand.is_string() && read_float(call.operand.string(), value)) return value;
  return args.find("default") == nullptr ? Value(0.0) : *args.find("default");
}

Value round_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"precision", "method"});
  const auto precision = args.integer("precision", 0);
  const std::string method = args.find("method") == nullptr ? "common" : args.text("method");
  if (method != "common" && method != "ceil" && method != "floor") {
    throw Error("method must be common, ceil or floor");
  }
  if (!call.operand.is_number()) throw Error("type " + type_name(call.operand) + " doesn't define __round__ method");
  if (call.operand.is_integer() && method == "common" && precision >= 0) return call.operand.integer();
  const double value = call.operand.number();
  if (method == "common" && precision >= 0 && precision < 300) {
    char digits[700];
    std::snprintf(digits, sizeof digits, "%.*f", static_cast<int>(precision), value);
    return std::strtod(digits, nullptr);
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value * scale;
  const double made = (method == "ceil"    ? std::ceil(scaled)
                       : method == "floor" ? std::floor(scaled)
                                           : std::nearbyint(scaled)) /
                      scale;
  if (call.operand.is_integer() && method == "common") return whole(made, 0);
  return made;
}

Value abs_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  const bool minus = call.operand.is_number() && call.operand.number() < 0;
  return negative(call.operand, minus);
}

}  // namespace

const FilterTable& number_filters() {
  static const FilterTable all = {
      {"int", int_filter},
      {"float", float_filter},
      {"round", round_filter},
      {"abs", abs_filter},
  };
  return all;
}

}  // namespace scalselect::vlm::jinja
