#include "core/hash.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/md5.h"

namespace scalselect {
namespace {

constexpr char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kMillion[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

// FIPS 180-4's examples.
TEST(Sha256, TheVectorsOfTheStandard) {
  EXPECT_EQ(sha256(""), kEmpty);
  EXPECT_EQ(sha256("abc"), kAbc);
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256().update("a").update("").update("bc", 2).finish(), kAbc);
}

TEST(Sha256, FilesAreReadInBlocks) {
  const auto file = std::filesystem::temp_directory_path() / "hash_test_file";
  write_file_atomically(file, std::string(1000000, 'a'));
  EXPECT_EQ(sha256_file(file), kMillion);
  write_file_atomically(file, "");
  EXPECT_EQ(sha256_file(file), kEmpty);
  std::filesystem::remove(file);
  EXPECT_THROW(sha256_file(file), UserError);
  EXPECT_THROW(sha256_file(file.parent_path()), UserError);
}

// RFC 1321's examples.
TEST(Md5, TheVectorsOfTheStandard) {
  const auto file = std::filesystem::temp_directory_path() / "md5_test_file";
  write_file_atomically(file, "");
  EXPECT_EQ(md5_file(file), "d41d8cd98f00b204e9800998ecf8427e");
  write_file_atomically(file, "message digest");
  EXPECT_EQ(md5_file(file), "f96b697d7cb7938d525a2f31aaf161d0");
  std::filesystem::remove(file);
  EXPECT_THROW(md5_file(file), UserError);
}

TEST(Sha256, JsonIsHashedInCanonicalForm) {
  const auto tree = nlohmann::json::parse(R"({"b": [0, 0.0, "\u00fc"], "a": 1})");
  EXPECT_EQ(sha256_json(tree), "12f9a93c1e885556d6204a30e1a7f654d7fd0f255c832870ceabda1799e52951");
  EXPECT_NE(sha256_json(nlohmann::json::parse("0")), sha256_json(nlohmann::json::parse("0.0")));
}

}  // namespace
}  // namespace scalselect
