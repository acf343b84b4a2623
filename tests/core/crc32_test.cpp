#include "core/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace scalselect {
namespace {

TEST(Crc32, IsZlibsForEveryLengthPlaceAndBeginning) {
  std::string text(4096, '\0');
  std::uint32_t state = 1;
  for (auto& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  const auto by_zlib = [](std::string_view bytes, std::uint32_t before) {
    return static_cast<std::uint32_t>(crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  };
  for (std::size_t size = 0; size <= 400; ++size) {
    for (const std::size_t begin : {0, 1, 7, 16}) {
      const auto part = std::string_view(text).substr(begin, size);
      EXPECT_EQ(crc32_of(part), by_zlib(part, 0)) << size;
      EXPECT_EQ(crc32_of(part, 0xdeadbeef), by_zlib(part, 0xdeadbeef)) << size;
    }
  }
  EXPECT_EQ(crc32_of(text), by_zlib(text, 0));
  EXPECT_EQ(crc32_of(std::string_view(text).substr(1000), crc32_of(text.substr(0, 1000))), crc32_of(text));
  EXPECT_EQ(crc32_of("123456789"), 0xcbf43926U);  // the check value of every catalogue
}

}  // namespace
}  // namespace scalselect
