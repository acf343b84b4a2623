#include "data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "data/resize.h"

namespace scalselect {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

const std::filesystem::path kGolden = SCALSELECT_TEST_DATA;

struct Row {
  std::string name, digest;
  int width = 0, height = 0;
};

std::vector<Row> table(const char* name) {
  std::ifstream in(kGolden / name);
  std::vector<Row> rows;
  for (Row row; in >> row.name >> row.width >> row.height >> row.digest;) rows.push_back(row);
  return rows;
}

std::string digest(const Image& image) {
  return sha256({reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()});
}

std::string bytes_of(const std::string& name) { return read_file(kGolden / "images" / name); }

/// The message for these bytes under the name "x.jpg".
std::string message(std::string bytes, const DecodeOptions& options = {}) {
  try {
    decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "x.jpg", options);
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.problem();
  }
  return "decoded";
}

TEST(Image, DecodesEveryFormatAsPillowDoes) {
  const auto rows = table("images.tsv");
  ASSERT_GE(rows.size(), 41u);
  for (const auto& row : rows) {
    DecodeOptions options;
    options.apply_exif_orientation = row.name.find("#upright") != std::string::npos;
    const auto image = decode_image(kGolden / "images" / row.name.substr(0, row.name.find('#')), options);
    EXPECT_EQ(image.width, row.width) << row.name;
    EXPECT_EQ(image.height, row.height) << row.name;
    EXPECT_EQ(digest(image), row.digest) << row.name;
  }
}

TEST(Image, ResizesAsPillowDoes) {
  const auto rows = table("resize.tsv");
  ASSERT_GE(rows.size(), 20u);
  for (const auto& row : rows) {
    const auto image = decode_image(kGolden / "images" / row.name);
    EXPECT_EQ(digest(resize_bicubic(image, row.width, row.height)), row.digest)
        << row.name << " to " << row.width << " x " << row.height;
  }
}

TEST(Image, WritesPngThatReadsBack) {
  const auto image = decode_image(kGolden / "images" / "noise.png");
  const auto file = std::filesystem::path(testing::TempDir()) / "image_test" / "copy.png";
  write_png(file, image);
  EXPECT_EQ(decode_image(file), image);
  EXPECT_EQ(encode_png(image), read_file(file));
}

TEST(Image, NamesAMissingFile) {
  try {
    decode_image(kGolden / "images" / "none.png");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.problem(), EndsWith("none.png'."));
    EXPECT_THAT(error.problem(), HasSubstr("There is no image"));
  }
}

TEST(Image, RefusesWhatIsNoImage) {
  EXPECT_EQ(message(""), "Image 'x.jpg' is empty.");
  EXPECT_EQ(message("Not found: please log in"),
            "'x.jpg' is not an image in a known format (PNG, JPEG, WebP, GIF, BMP).");
}

TEST(Image, RefusesFilesThatAreCutShort) {
  for (const char* name : {"rgb.png", "interlaced.png", "plain.jpg", "progressive.jpg", "cmyk.jpg", "lossy.webp",
                           "lossless.webp", "plain.gif", "24.bmp", "8.bmp"}) {
    const auto whole = bytes_of(name);
    for (const double part : {0.3, 0.6, 0.9}) {
      const auto keep = static_cast<std::size_t>(static_cast<double>(whole.size()) * part);
      EXPECT_EQ(message(whole.substr(0, keep)), "Image 'x.jpg' is cut short.") << name << " " << part;
    }
  }
}

TEST(Image, RefusesEveryShorterHeaderWithoutCrashing) {
  for (const char* name : {"palette4.png", "grey.jpg", "alpha.webp", "offset.gif", "1.bmp"}) {
    const auto whole = bytes_of(name);
    for (std::size_t keep = 1; keep < std::min<std::size_t>(whole.size() - 2, 300); ++keep) {
      EXPECT_NE(message(whole.substr(0, keep)), "decoded") << name << " " << keep;
    }
  }
}

TEST(Image, RefusesDamage) {
  auto png = bytes_of("rgb.png");
  png[png.size() / 2] ^= 0x55;
  EXPECT_THAT(message(png), HasSubstr("Image 'x.jpg' is a damaged PNG file: "));
  auto webp = bytes_of("lossless.webp");
  webp[12] = 'X';
  EXPECT_THAT(message(webp), HasSubstr("Image 'x.jpg' is a damaged WebP file: "));
}

std::int64_t peak_bytes() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return std::int64_t{used.ru_maxrss} * 1024;
}

TEST(Image, RefusesSoundBombsInOneSentenceWithoutTakingMemory) {
  const auto before = peak_bytes();
  for (const char* name : {"bomb.png", "interlaced.png", "bomb.jpg", "progressive.jpg", "bomb.gif", "bomb.bmp"}) {
    EXPECT_EQ(message(read_file(kGolden / "bombs" / name)),
              "Image 'x.jpg' declares 60000 x 60000 pixels, more than the limit of 178956970.")
        << name;
  }
  EXPECT_LT(peak_bytes() - before, 32 << 20);
}

TEST(Image, RefusesBombsBeforeTakingMemory) {
  auto png = bytes_of("rgb.png");
  png.replace(16, 8, std::string("\0\0\x75\x30\0\0\x75\x30", 8));
  // libpng sees the broken checksum of the header first; a true bomb has a valid one.
  EXPECT_NE(message(png), "decoded");
  auto bmp = bytes_of("24.bmp");
  bmp.replace(18, 8, std::string("\x30\x75\0\0\x30\x75\0\0", 8));
  EXPECT_EQ(message(bmp), "Image 'x.jpg' declares 30000 x 30000 pixels, more than the limit of 178956970.");
  for (const char* name : {"rgb.png", "plain.jpg", "lossy.webp", "plain.gif", "24.bmp"}) {
    DecodeOptions options;
    options.max_pixels = 45 * 31 - 1;
    EXPECT_EQ(message(bytes_of(name), options), "Image 'x.jpg' declares 45 x 31 pixels, more than the limit of 1394.")
        << name;
  }
}

}  // namespace
}  // namespace scalselect
