#include "core/npy_format.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/target_clones.h"

namespace scalselect {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::int64_t kAlignment = 64;

[[noreturn]] void refuse(const std::string& where, const std::string& what, const std::string& remedy = {}) {
  throw UserError(ErrorKind::kInput, fmt::format("{} {}.", where, what), remedy);
}

/// The text after `'key':` in the dictionary.
std::string_view value_of(std::string_view dictionary, std::string_view key, const std::string& where) {
  const auto at = dictionary.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) refuse(where, fmt::format("has no '{}' in its header", key));
  auto rest = dictionary.substr(at + key.size() + 3);
  return rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
}

std::int64_t digits(std::string_view text, const std::string& where) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || value < 0) refuse(where, "has a header that makes no sense");
  return value;
}

void parse_type(std::string_view value, NpyArray& array, const std::string& where) {
  if (!value.starts_with('\'')) refuse(where, "is a structured array", "Save plain arrays of numbers or strings.");
  const auto descr = value.substr(1, value.find('\'', 1) - 1);
  const struct {
    std::string_view descr;
    NpyType type;
    std::int64_t bytes;
  } known[] = {{"<f2", NpyType::kFloat16, 2},
               {"<f4", NpyType::kFloat32, 4},
               {"<f8", NpyType::kFloat64, 8},
               {"<i4", NpyType::kInt32, 4},
               {"<i8", NpyType::kInt64, 8}};
  for (const auto& entry : known) {
    if (descr == entry.descr) {
      array.type = entry.type;
      array.item_bytes = entry.bytes;
      return;
    }
  }
  if (descr.starts_with("<U")) {
    array.type = NpyType::kUnicode;
    array.item_bytes = digits(descr.substr(2), where);
    if (__builtin_mul_overflow(array.item_bytes, std::int64_t{4}, &array.item_bytes))
      refuse(where, "declares a size that no file has", "Write or copy the file again.");
    return;
  }
  if (descr.find('O') != std::string_view::npos) {
    refuse(where, "is an array of Python objects", "Save it with dtype str or float32.");
  }
  refuse(where, fmt::format("has the type '{}', which is not supported", descr),
         "Save float16/32/64, int32/64 or str, little-endian.");
}

std::vector<std::int64_t> parse_shape(std::string_view value, const std::string& where) {
  if (!value.starts_with('(')) refuse(where, "has a header that makes no sense");
  auto list = value.substr(1, value.find(')') - 1);
  std::vector<std::int64_t> shape;
  while (true) {
    const auto begin = list.find_first_not_of(" ,L");
    if (begin == std::string_view::npos) return shape;
    list.remove_prefix(begin);
    shape.push_back(digits(list, where));
    list.remove_prefix(std::min(list.find_first_of(" ,L"), list.size()));
  }
}

/// Anything that is later computed from a shape fits into 64 bits.
void refuse_impossible_sizes(const NpyArray& array, const std::string& where) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  std::int64_t bytes = std::max<std::int64_t>(array.item_bytes, 1);
  for (const auto size : array.shape) {
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(size, 1), &bytes) || bytes > kMost)
      refuse(where, "declares a size that no file has", "Write or copy the file again.");
  }
  // Any number of them would fit into any file.
  if (array.item_bytes == 0 && array.count() > 0) {
    refuse(where, "declares strings of no characters", "Save it with dtype str.");
  }
}

}  // namespace

std::int64_t NpyArray::count() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

NpyArray parse_npy_header(std::string_view bytes, const std::string& where) {
  if (!bytes.starts_with(kMagic) || bytes.size() < 12) refuse(where, "is not a NumPy array");
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) refuse(where, fmt::format("has the unknown .npy version {}", version));
  std::uint32_t length = 0;
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  std::memcpy(&length, bytes.data() + 8, length_bytes);
  const std::size_t begin = 8 + length_bytes;
  if (bytes.size() < begin + length) refuse(where, "is cut short", "Write or copy the file again.");
  const auto dictionary = bytes.substr(begin, length);
  NpyArray array;
  array.header_bytes = static_cast<std::int64_t>(begin + length);
  parse_type(value_of(dictionary, "descr", where), array, where);
  array.shape = parse_shape(value_of(dictionary, "shape", where), where);
  refuse_impossible_sizes(array, where);
  // In one dimension the two orders are the same.
  if (value_of(dictionary, "fortran_order", where).starts_with("True") && array.shape.size() > 1) {
    refuse(where, "is in Fortran order", "Save numpy.ascontiguousarray(..) of it.");
  }
  return array;
}

std::string make_npy_header(std::string_view descr, const std::vector<std::int64_t>& shape) {
  std::string sizes;
  for (const auto size : shape) sizes += fmt::format("{}, ", size);
  if (shape.size() > 1) sizes.resize(sizes.size() - 2);
  else if (!sizes.empty()) sizes.pop_back();
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, sizes);
  const auto unpadded = static_cast<std::int64_t>(kMagic.size() + 4 + text.size() + 1);
  text.append(static_cast<std::size_t>((kAlignment - unpadded % kAlignment) % kAlignment), ' ');
  text += '\n';
  const auto length = static_cast<std::uint16_t>(text.size());
  std::string header(kMagic);
  header += std::string_view("\x01\x00", 2);
  header.append(reinterpret_cast<const char*>(&length), 2);
  return header + text;
}

namespace {

SCALSELECT_CLONES void widen_halves(const std::uint16_t* from, std::size_t count, float* out) {
  constexpr std::uint32_t kInfinite = 0x0f800000, kExponent = 0x7f800000;  // of half and of single precision
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t bits = (from[i] & 0x7fffu) << 13, sign = (from[i] & 0x8000u) << 16;
    const auto value = std::bit_cast<std::uint32_t>(std::bit_cast<float>(bits) * 0x1p112F);
    out[i] = std::bit_cast<float>((bits >= kInfinite ? bits | kExponent : value) | sign);
  }
}

}  // namespace

void halves_to_floats(std::span<const std::uint16_t> halves, float* out) {
  widen_halves(halves.data(), halves.size(), out);
}
float half_to_float(std::uint16_t bits) { return static_cast<float>(std::bit_cast<Eigen::half>(bits)); }
std::uint16_t float_to_half(float value) { return std::bit_cast<std::uint16_t>(Eigen::half(value)); }

}  // namespace scalselect
