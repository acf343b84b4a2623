#include "data/image_header.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "core/files.h"
#include "data/image.h"

namespace scalselect {
namespace {

/// Every golden picture that can be decoded: the header says what the decoder finds.
TEST(ImageHeader, SaysWhatDecodingFinds) {
  int compared = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SCALSELECT_TEST_DATA)) {
    if (!entry.is_regular_file()) continue;
    Image image;
    try {
      image = decode_image(entry.path());
    } catch (const std::exception&) {
      continue;
    }
    const auto header = read_image_header(read_file(entry.path()));
    ASSERT_TRUE(header.has_value()) << entry.path();
    EXPECT_EQ(header->width, image.width) << entry.path();
    EXPECT_EQ(header->height, image.height) << entry.path();
    ++compared;
  }
  EXPECT_GT(compared, 20);
}

TEST(ImageHeader, WhatIsCutOrNoPictureHasNone) {
  const auto png = encode_png({2, 3, std::vector<std::uint8_t>(18)});
  EXPECT_EQ(read_image_header(png)->height, 3);
  EXPECT_FALSE(read_image_header(png.substr(0, 20)).has_value());
  for (const char* text : {"", "GIF89a", "BM", "RIFF", "\xff\xd8\xff\xe0", "hello, this is no picture at all"})
    EXPECT_FALSE(read_image_header(text).has_value()) << text;
  const std::string endless = "\xff\xd8\xff" + std::string(5000, '\xff');
  EXPECT_FALSE(read_image_header(endless).has_value());
}

}  // namespace
}  // namespace scalselect
