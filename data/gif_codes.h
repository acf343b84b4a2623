// The compressed pixels of a GIF file.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "data/image_codecs.h"

namespace scalselect::codecs {

/// Decodes LZW as Pillow does, damage included: what it takes is taken, with the same pixels, and what it refuses is
/// refused (src/libImaging/GifDecode.c). Libraries for GIF draw that line elsewhere.
class GifCodes {
 public:
  /// `blocks`: the file from the first block on; `bits`: of a pixel, as the file has it. Throws UserError(kInput).
  GifCodes(const Source& source, std::span<const std::uint8_t> blocks, int bits);

  /// The pixels of the next code, at least one; valid until the next call. Throws UserError(kInput) if there are none.
  std::span<const std::uint8_t> next();

 private:
  static constexpr std::uint32_t kTable = 4096;

  const Source& source_;
  std::span<const std::uint8_t> rest_;  // of the file
  std::size_t block_ = 0;               // what is left of the current block
  std::uint32_t buffer_ = 0;            // bits that were read
  int buffered_ = 0;
  int bits_, code_bits_ = 0;
  std::uint32_t clear_, free_ = 0;                 // the code that clears the table, the first that stands for nothing
  std::uint32_t last_ = 0;                         // the code before
  std::uint8_t first_ = 0;                         // its first pixel
  bool fresh_ = true;                              // nothing came since the table was cleared
  std::array<std::uint16_t, kTable> prefix_{};     // what a code stands for: that of another code,
  std::array<std::uint8_t, kTable> suffix_{};      // and one pixel
  std::array<std::uint8_t, kTable + 1> pixels_{};  // of the current code, from the right

  void clear();
  std::uint8_t next_byte();
  std::uint32_t next_code();
  std::span<const std::uint8_t> expand(std::uint32_t code);
  void learn(std::uint8_t pixel);
  [[noreturn]] void broken() const;
};

}  // namespace scalselect::codecs
