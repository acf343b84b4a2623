#include "data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

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
  ASSERT_GE(rows.size(), 38u);
  for (const auto& row : rows) {
    const auto image = decode_image(kGolden / "images" / row.name);
    EXPECT_EQ(image.width, row.width) << row.name;
    EXPECT_EQ(image.height, row.height) << row.name;
    EXPECT_EQ(digest(image), row.digest) << row.name;
  }
}

TEST(Image, TakesAndRefusesOddFilesAsPillowDoes) {
  const auto rows = table("odd.tsv");
  ASSERT_GE(rows.size(), 155u);
  for (const auto& row : rows) {
    const auto bytes = read_file(kGolden / "odd" / row.name);
    const auto said = message(bytes);
    if (row.digest == "refused") {
      EXPECT_THAT(said, testing::AnyOf(HasSubstr("is cut short."), HasSubstr("is a damaged PNG file: "),
                                       HasSubstr("is a damaged BMP file: "), HasSubstr("is a damaged GIF file: "),
                                       HasSubstr("BMP file with an unusual layout of its pixels' bits, which is not")))
          << row.name;
      continue;
    }
    EXPECT_EQ(said, "decoded") << row.name;
    if (said != "decoded") continue;
    EXPECT_EQ(digest(decode_image(kGolden / "odd" / row.name)), row.digest) << row.name;
  }
}

TEST(Image, CallsRunLengthsUnsupportedNotDamaged) {
  auto bmp = bytes_of("8.bmp");
  bmp[30] = 1;
  EXPECT_EQ(message(bmp), "Image 'x.jpg' is a BMP file with compressed pixels, which is not supported.");
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

std::int64_t peak_bytes() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return std::int64_t{used.ru_maxrss} * 1024;
}

Image part_of(const Image& image, const Window& window) {
  Image out{window.width, window.height, {}};
  for (int y = 0; y < window.height; ++y) {
    const auto from = image.rgb.begin() + 3 * ((window.top + y) * image.width + window.left);
    out.rgb.insert(out.rgb.end(), from, from + 3 * window.width);
  }
  return out;
}

TEST(Image, AWindowOfAResizedImageIsThatPartOfIt) {
  const auto image = decode_image(kGolden / "images" / "noise.png");  // 131 x 97
  for (const auto& [width, height] : {std::pair{200, 150}, {60, 300}, {131, 97}, {131, 40}, {300, 97}, {40, 30}}) {
    const auto whole = resize_bicubic(image, width, height);
    for (const Window& window :
         {Window{0, 0, width, height}, Window{7, 5, 20, 10}, Window{width - 1, height - 3, 1, 3}}) {
      EXPECT_EQ(resize_bicubic(image, width, height, window), part_of(whole, window)) << width << " x " << height;
    }
  }
}

TEST(Image, ALongImageIsReducedInStripsToTheSamePixels) {
  Image image{2, 4'000'000, {}};
  for (std::uint32_t i = 0; i < 24'000'000; ++i) image.rgb.push_back(static_cast<std::uint8_t>(i * 2654435761u >> 21));
  const auto before = peak_bytes();
  const auto whole = resize_bicubic(image, 8, 4);
  EXPECT_LT(peak_bytes() - before, 300 << 20);
  for (int x = 0; x < 8; ++x) {
    const Window column{x, 0, 1, 4};
    EXPECT_EQ(resize_bicubic(image, 8, 4, column), part_of(whole, column)) << x;
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
  EXPECT_EQ(message(std::string("II*\0\x08\0\0\0", 8)),
            "'x.jpg' is a TIFF image, which is not supported (PNG, JPEG, WebP, GIF, BMP are).");
  EXPECT_THAT(message(std::string("\0\0\0\x20"
                                  "ftypavif",
                                  12)),
              HasSubstr("is an AVIF image"));
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

TEST(Image, RefusesSoundBombsInOneSentenceWithoutTakingMemory) {
  const auto before = peak_bytes();
  for (const char* name : {"bomb.png", "interlaced.png", "bomb.jpg", "progressive.jpg", "bomb.gif", "bomb.bmp"}) {
    EXPECT_EQ(message(read_file(kGolden / "bombs" / name)),
              "Image 'x.jpg' declares 60000 x 60000 pixels, more than the limit of 178956970.")
        << name;
  }
  EXPECT_LT(peak_bytes() - before, 32 << 20);
}

TEST(Image, RefusesWhatWouldTakeTooMuchToDecode) {
  DecodeOptions options;
  const auto refusal = [&](const std::string& bytes, std::int64_t per_pixel) {
    options.max_bytes = std::ssize(bytes) + per_pixel * 45 * 31;
    EXPECT_EQ(message(bytes, options), "decoded");
    --options.max_bytes;
    return message(bytes, options);
  };
  const auto refused = HasSubstr("Image 'x.jpg' of 45 x 31 pixels takes 0 MB to decode, more than the limit of");
  EXPECT_THAT(refusal(bytes_of("rgb.png"), 3), refused);
  EXPECT_THAT(refusal(bytes_of("plain.jpg"), 3), refused);
  EXPECT_THAT(refusal(bytes_of("lossless.webp"), 7), refused);
  EXPECT_THAT(refusal(bytes_of("animated.webp"), 15), refused);
  options.max_bytes = std::ssize(bytes_of("progressive.jpg")) + 3 * 45 * 31;
  EXPECT_THAT(message(bytes_of("progressive.jpg"), options), refused) << "its coefficients count";
}

TEST(Image, TellsABadFileFromABadMachine) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "image_kinds";
  std::filesystem::create_directories(folder);
  const auto kind = [](const std::filesystem::path& file) -> std::optional<ErrorKind> {
    try {
      decode_image(file);
    } catch (const UserError& error) {
      return error.kind();
    }
    return {};
  };
  write_file_atomically(folder / "junk", "junk");
  const auto good = folder / "good.png";
  write_file_atomically(good, bytes_of("rgb.png"));
  for (const auto& file : {folder / "none", folder, good / "below", folder / "junk", folder / std::string(300, 'x')}) {
    EXPECT_EQ(kind(file), ErrorKind::kInput) << file;
  }
  EXPECT_EQ(kind(good), std::nullopt);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto starved = kind(good);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(starved, ErrorKind::kEnvironment);
}

TEST(Image, ManyEmptyScansAreRefusedAlthoughTheyAreSmall) {
  // A valid progressive file whose last scan is repeated many times, declared to be large.
  auto jpeg = bytes_of("progressive.jpg");
  const auto frame = jpeg.find("\xff\xc2");
  jpeg.replace(frame + 5, 4, std::string("\x27\x10\x27\x10", 4));
  const auto scan = jpeg.rfind("\xff\xda");
  const auto last = jpeg.substr(scan, jpeg.size() - 2 - scan);
  std::string bomb = jpeg.substr(0, jpeg.size() - 2);
  for (int i = 0; i < 60; ++i) bomb += last;
  EXPECT_THAT(message(bomb + "\xff\xd9"), HasSubstr("scans of 100000000 pixels are too many"));
}

TEST(PictureBudget, WaitsForRoomAndLetsAGiantThroughAlone) {
  ByteBudget budget(100);
  std::atomic<std::int64_t> used = 0, most = 0, alone = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::int64_t bytes = t == 0 ? 150 : 10 * t;
        ByteClaim claim(budget);
        claim.acquire(bytes);
        const auto now = used += bytes;
        if (bytes > 100) alone += now == bytes;
        else most = std::max<std::int64_t>(most, now);
        std::this_thread::yield();
        used -= bytes;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 100);
  EXPECT_EQ(alone, 50);
}

TEST(PictureBudget, WhatIsNoLongerNeededComesBack) {
  ByteBudget budget(100);
  ByteClaim first(budget);
  first.acquire(100);
  first.shrink(30);
  ByteClaim second(budget);
  second.acquire(70);  // would wait for ever otherwise
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
