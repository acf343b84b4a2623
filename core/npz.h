// NumPy's .npy and .npz files, read in blocks and written without holding the array in memory.
//
// Types: '<f2' '<f4' '<f8' '<i4' '<i8' and fixed-width UTF-32 strings '<U..'; C order. Zip members stored, or deflated
// when read, with zip64 records where sizes need them. Format: numpy.lib.format (versions 1 to 3), PKWARE APPNOTE 6.3.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/matrix.h"

namespace scalselect {

enum class NpyType { kFloat16, kFloat32, kFloat64, kInt32, kInt64, kUnicode };

/// What the header of an array says.
struct NpyArray {
  NpyType type = NpyType::kFloat32;
  std::vector<std::int64_t> shape;
  std::int64_t item_bytes = 4;    ///< '<U7': 28
  std::int64_t header_bytes = 0;  ///< the data begin here
  std::int64_t count() const;     ///< product of the shape
};

/// IEEE half precision to single and back (round to nearest even; overflow to infinity).
float half_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);
/// Many at once; `out`: as many as `halves`.
void halves_to_floats(std::span<const std::uint16_t> halves, float* out);

class NpzReader {
 public:
  /// Reads the directory of a .npz. Throws UserError(kInput): not a zip, cut short, encrypted, unknown compression.
  explicit NpzReader(const std::filesystem::path& file);
  ~NpzReader();
  NpzReader(NpzReader&&) noexcept;

  /// Array names without ".npy", in file order.
  std::vector<std::string> names() const;
  bool has(const std::string& name) const;
  /// The readers below throw UserError(kInput): no such array, an object array, big-endian or Fortran order, another
  /// type or shape than asked for, data cut short, checksum wrong.
  NpyArray describe(const std::string& name) const;
  std::vector<std::string> strings(const std::string& name) const;  ///< 1-D '<U', or '<i8' written as decimal text
  std::vector<std::int64_t> integers(const std::string& name) const;
  /// A matrix of any float type as float32 rows (float64 is told). A stored member is read in place, and its checksum
  /// compared when its last row is read, by a reader that reads all rows in order: that read throws. A deflated one is
  /// first unpacked into an unlinked temporary file beside TMPDIR (N * d * item bytes). The reader need not outlive it.
  std::unique_ptr<RowSource> rows(const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A matrix in a .npy file as float32 rows, read in place. Throws as NpzReader.
std::unique_ptr<RowSource> open_npy_rows(const std::filesystem::path& file);

/// The items of a .npy file of '<U' strings, or of integers as decimal text, in order. Throws as NpzReader.
std::vector<std::string> read_npy_texts(const std::filesystem::path& file);

class NpzWriter {
 public:
  /// Writes beside `file` and puts the result in place in `finish`. Members are stored, as by numpy.savez: deflating
  /// floats saves about a tenth, and reading them back in place is not possible then. Throws UserError(kEnvironment) if
  /// the place cannot be written, here and in every call.
  explicit NpzWriter(const std::filesystem::path& file);
  ~NpzWriter();  ///< without `finish` nothing is left

  /// '<f4' N x d, in blocks; with NpyType::kFloat16 '<f2', of values that it holds.
  void add(const std::string& name, const RowSource& rows, NpyType type = NpyType::kFloat32);
  void add(const std::string& name, std::span<const float> values);
  void add(const std::string& name, std::span<const double> values);
  void add(const std::string& name, std::span<const std::int64_t> values);
  /// '<U..' as wide as the longest string, in code points (at least 1). Throws UserError(kInput) on invalid UTF-8.
  void add(const std::string& name, const std::vector<std::string>& values);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scalselect
