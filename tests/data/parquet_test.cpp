#include "data/containers/parquet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/files.h"
#include "core/hash.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

fs::path golden(const std::string& name) { return fs::path(SCALSELECT_TEST_DATA) / "parquet" / name; }

/// `text` with the file's path where the golden file has FILE.
std::string in_file(std::string text, const fs::path& file) {
  for (auto at = text.find("FILE"); at != text.npos; at = text.find("FILE")) text.replace(at, 4, file.string());
  return text;
}

std::vector<std::string> rows_of(const Container& pool, std::int64_t first = 0) {
  std::vector<std::string> rows;
  const auto cursor = pool.rows(first);
  for (RawRow row; cursor->next(row);) rows.push_back(row.json);
  return rows;
}

/// The row with the digests of its pictures in place of references, which differ in row and file.
std::string with_pictures(std::string row) {
  for (auto at = row.find("\"parquet:"); at != row.npos; at = row.find("\"parquet:")) {
    const auto end = row.find('"', at + 1);
    row.replace(at + 1, end - at - 1, sha256(read_parquet_picture(row.substr(at + 1, end - at - 1))));
  }
  return row;
}

class Parquet : public testing::Test {
 protected:
  void SetUp() override {
#ifndef SCALSELECT_HAS_PARQUET
    GTEST_SKIP() << "built without Arrow";
#endif
  }

  fs::path write(const std::string& name, const std::string& bytes) const {
    write_file_atomically(fs::path(testing::TempDir()) / name, bytes);
    return fs::path(testing::TempDir()) / name;
  }
};

/// Published kinds of pools, every type of column, and a writer that is not Arrow; see golden/parquet/make_parquet.py.
class ParquetGolden : public Parquet, public testing::WithParamInterface<const char*> {
 protected:
  fs::path file_ = golden(std::string(GetParam()) + ".parquet");
  nlohmann::json expected_ = nlohmann::json::parse(read_file(golden(std::string(GetParam()) + ".json")));

  std::vector<std::string> expected_rows() const {
    std::vector<std::string> rows;
    for (const auto& row : expected_["rows"]) rows.push_back(in_file(row, file_));
    return rows;
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, ParquetGolden,
                         testing::Values("llava", "finevision", "messages", "types", "mixed", "old", "duck", "pages_v1",
                                         "pages_index", "pages_v2"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(ParquetGolden, RowsAreWhatPythonReads) {
  EXPECT_TRUE(is_parquet(read_file(file_)));
  const auto pool = open_parquet(file_);
  const auto expected = expected_rows();
  EXPECT_EQ(rows_of(*pool), expected);
  for (const std::size_t first : {std::size_t{1}, expected.size() / 2, expected.size() - 1, expected.size()}) {
    EXPECT_EQ(rows_of(*pool, static_cast<std::int64_t>(first)),
              std::vector(expected.begin() + static_cast<std::ptrdiff_t>(first), expected.end()));
  }
}

TEST_P(ParquetGolden, RowsMayBePassedOver) {
  const auto pool = open_parquet(file_);
  const auto expected = expected_rows();
  for (const std::int64_t step : {1, 2, 40, 200}) {
    const auto cursor = pool->rows(0);
    RawRow row;
    std::int64_t at = 0;
    const auto size = static_cast<std::int64_t>(expected.size());
    for (; cursor->next(row); ++at) {
      EXPECT_EQ(row.json, expected[static_cast<std::size_t>(at)]);
      const auto passed = std::min(step, size - at - 1);
      EXPECT_EQ(cursor->skip(step), passed);
      at += passed;
    }
    EXPECT_EQ(at, size);
  }
}

TEST_P(ParquetGolden, PicturesAreWhatPythonReads) {
  std::vector<std::pair<std::string, std::string>> pictures;  // reference, digest
  for (const auto& [reference, digest] : expected_["pictures"].items())
    pictures.emplace_back(in_file(reference, file_), digest);
  const auto check = [&](std::size_t i) {
    return sha256(read_parquet_picture(pictures[i].first)) == pictures[i].second;
  };
  for (std::size_t i = 0; i < pictures.size(); ++i) EXPECT_TRUE(check(i)) << pictures[i].first;
  for (std::size_t i = pictures.size(); i-- > 0;) EXPECT_TRUE(check(i)) << pictures[i].first << ", backwards";
  std::atomic<std::size_t> next = 0, wrong = 0;
  std::vector<std::jthread> threads(4);
  for (auto& thread : threads) {
    thread = std::jthread([&] {
      for (std::size_t i = next++; i < 4 * pictures.size(); i = next++) {
        wrong += !check(i % 3 == 0 ? i / 4 : (i * 7919) % pictures.size());  // in order, and anywhere
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0U);
}

TEST_P(ParquetGolden, SubsetsHoldTheRowsUntouched) {
  const auto pool = open_parquet(file_);
  const auto all = expected_rows();
  for (const std::size_t step : {1, 2, 3}) {
    std::vector<std::int64_t> chosen;
    for (std::size_t row = step - 1; row < all.size(); row += step) chosen.push_back(static_cast<std::int64_t>(row));
    const auto out = fs::path(testing::TempDir()) / "subset.parquet";
    pool->write_subset(chosen, out);
    const auto rows = rows_of(*open_parquet(out));
    ASSERT_EQ(rows.size(), chosen.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(with_pictures(rows[i]), with_pictures(all[static_cast<std::size_t>(chosen[i])]));
    }
  }
}

TEST_F(Parquet, SubsetsKeepSchemaAndMetadata) {
  const auto out = fs::path(testing::TempDir()) / "kept.parquet";
  open_parquet(golden("llava.parquet"))->write_subset(std::vector<std::int64_t>{0, 8}, out);
  const auto bytes = read_file(out), source = read_file(golden("llava.parquet"));
  const std::string features =
      R"("features": {"id": {"dtype": "string", "_type": "Value"}, "image": {"_type": "Image"})";
  ASSERT_THAT(source, HasSubstr(features));
  EXPECT_THAT(bytes, HasSubstr(features));  // what datasets.load_dataset makes pictures of
  EXPECT_THAT(bytes, HasSubstr("ARROW:schema"));
}

TEST_F(Parquet, AnEmptySubsetIsAParquetFile) {
  const auto out = fs::path(testing::TempDir()) / "empty.parquet";
  open_parquet(golden("llava.parquet"))->write_subset({}, out);
  EXPECT_TRUE(rows_of(*open_parquet(out)).empty());
}

TEST_F(Parquet, DamageCostsTheRowsAfterIt) {
  auto bytes = read_file(golden("pages_v1.parquet"));
  const auto pool = [&](const std::string& content) { return open_parquet(write("bad.parquet", content)); };
  EXPECT_THAT(message_of([&] { pool(bytes.substr(0, bytes.size() / 2)); }),
              AllOf(HasSubstr("bad.parquet' ends without the footer"), HasSubstr("None of its rows can be read")));
  EXPECT_THAT(message_of([&] { pool("PAR1"); }), HasSubstr("too short"));
  EXPECT_THAT(message_of([&] { pool(std::string("[{}") + std::string(20, ' ')); }), HasSubstr("is not a Parquet file"));
  EXPECT_THAT(message_of([&] { pool(bytes.substr(0, bytes.size() - 4) + "PARE"); }), HasSubstr("is encrypted"));
  EXPECT_THAT(message_of([&] { pool(bytes.substr(0, bytes.size() - 8) + "\xff\xff\xff\x7fPAR1"); }),
              HasSubstr("footer of 2147483647 bytes"));
  EXPECT_THAT(message_of([&] { rows_of(*pool(bytes.substr(0, 4) + bytes.substr(400))); }),
              HasSubstr("Only the first 0 of 90 rows of"));

  // The second row group's `id`s.
  const std::string id("\x32\0\0\0\x33\0\0\0\x34\0\0\0", 12);
  const auto at = bytes.find(id);
  ASSERT_NE(at, bytes.npos);
  bytes.replace(at - 30, 24, std::string(24, '\xff'));
  std::vector<std::string> rows;
  const auto damaged = pool(bytes);
  const auto message = message_of([&] {
    const auto cursor = damaged->rows(0);
    for (RawRow row; cursor->next(row);) rows.push_back(row.json);
  });
  EXPECT_THAT(message, HasSubstr("Only the first 50 of 90 rows of"));
  EXPECT_EQ(rows.size(), 50U);
}

TEST_F(Parquet, ReferencesThatNameNothingAreRefused) {
  const auto file = golden("finevision.parquet").string();
  EXPECT_THAT(message_of([&] { read_parquet_picture("parquet:99:0:0:" + file); }),
              HasSubstr("has 8 rows, and no row 99"));
  EXPECT_THAT(message_of([&] { read_parquet_picture("parquet:3:0:3:" + file); }),
              HasSubstr("has 3 pictures in row 3, and no picture 3"));
  EXPECT_THAT(message_of([&] { read_parquet_picture("parquet:3:1:0:" + file); }), HasSubstr("holds no pictures"));
  EXPECT_THAT(message_of([&] { read_parquet_picture("parquet:3:0:0:" + file, 9); }), HasSubstr("more than the limit"));
  EXPECT_THAT(message_of([&] { read_parquet_picture("parquet:3:0:0:/nowhere.parquet"); }),
              HasSubstr("There is no file '/nowhere.parquet'"));
  EXPECT_THAT(message_of([&] { read_parquet_picture("parquet:0:1:0:" + golden("mixed.parquet").string()); }),
              "nothing was thrown");
  EXPECT_THAT(message_of([&] { read_parquet_picture("parquet:0:1:1:" + golden("mixed.parquet").string()); }),
              HasSubstr("has no bytes"));
  for (const auto* bad : {"parquet:", "parquet:1:0:0", "parquet:x:0:0:f", "parquet:-1:0:0:f",
                          "parquet:1:0:99999999999999999999:f", "tar:1:2:f"}) {
    EXPECT_THAT(message_of([&] { read_parquet_picture(bad); }), HasSubstr("does not name a picture")) << bad;
  }
}

TEST_F(Parquet, AFileWrittenAgainIsReadAgain) {
  const auto out = fs::path(testing::TempDir()) / "again.parquet";
  const auto pool = open_parquet(golden("pages_v1.parquet"));
  pool->write_subset(std::vector<std::int64_t>{0}, out);
  const auto reference = "parquet:0:1:0:" + out.string();
  const auto first = read_parquet_picture(reference);
  pool->write_subset(std::vector<std::int64_t>{1, 2}, out);
  EXPECT_NE(read_parquet_picture(reference), first);
}

/// Writes rows of JSON whose pictures are as given, and reads them again.
std::vector<std::string> written(const std::vector<ParquetRow>& rows, std::vector<std::string>* mixed = nullptr) {
  const auto out = fs::path(testing::TempDir()) / "written.parquet";
  const auto names = write_parquet(
      out,
      [&](const auto& take) {
        for (const auto& row : rows) take(row);
      },
      [](const std::string& name) { return "bytes of " + name; });
  if (mixed != nullptr) *mixed = names;
  return rows_of(*open_parquet(out));
}

TEST_F(Parquet, RowsOfAnyContainerBecomeColumns) {
  std::vector<std::string> mixed;
  auto rows = written(
      {{R"({"id": "a", "image": "x/1.jpg", "conversations": [{"from": "human", "value": "é \ud83d\ude00"}], "score": 1, "tags": []})",
        {"x/1.jpg"}},
       {R"({"id": 7, "image": "", "conversations": [], "score": NaN, "tags": ["b", null], "extra": {"k": true}})", {}},
       {R"({"id": "c", "score": 0.5, "extra": {"k": null, "l": [[1]]}, "odd": {}})", {"tar:1:2:/p.tar"}}},
      &mixed);
  EXPECT_THAT(mixed, testing::ElementsAre("id", "odd"));
  for (auto& row : rows) row = with_pictures(row);
  EXPECT_THAT(
      rows,
      testing::ElementsAre(
          R"({"id": "a", "image": ")" + sha256("bytes of x/1.jpg") +
              R"(", "conversations": [{"from": "human", "value": "é 😀"}], "score": 1.0, "tags": [], "extra": null, "odd": null})",
          R"({"id": "7", "image": null, "conversations": [], "score": null, "tags": ["b", null], "extra": {"k": true, "l": null}, "odd": null})",
          R"({"id": "c", "image": ")" + sha256("bytes of tar:1:2:/p.tar") +
              R"(", "conversations": null, "score": 0.5, "tags": null, "extra": {"k": null, "l": [[1]]}, "odd": "{}"})"));
}

TEST_F(Parquet, RowsOfSeveralPicturesBecomeLists) {
  std::vector<ParquetRow> rows;
  for (int i = 0; i < 2500; ++i) {  // three row groups
    rows.push_back({R"({"texts": [{"user": "q", "assistant": ")" + std::to_string(i) + R"("}]})", {}});
    for (int picture = 0; picture < i % 3; ++picture)
      rows.back().pictures.push_back(std::to_string(i) + "." + std::to_string(picture));
  }
  const auto read = written(rows);
  ASSERT_EQ(read.size(), rows.size());
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{1001}, read.size() - 1}) {
    std::string pictures;
    for (const auto& name : rows[i].pictures)
      pictures += (pictures.empty() ? "\"" : ", \"") + sha256("bytes of " + name) + "\"";
    EXPECT_EQ(with_pictures(read[i]), R"({"images": [)" + pictures + R"(], "texts": [{"user": "q", "assistant": ")" +
                                          std::to_string(i) + R"("}]})");
  }
  EXPECT_THAT(message_of([] { written({}); }), HasSubstr("There are no rows"));
}

TEST(ParquetAbsent, WithoutItsLibraryAParquetPoolIsRefusedInOneSentence) {
  setenv("SCALSELECT_PARQUET_PLUGIN", "/nowhere/plugin.so", 1);
  EXPECT_THAT(message_of([] { open_parquet(golden("llava.parquet")); }),
              AllOf(HasSubstr("llava.parquet' is a Parquet file, and this build has no '/nowhere/plugin.so'"),
                    HasSubstr("setup.sh")));
  EXPECT_EQ(parquet_library(), "");
  unsetenv("SCALSELECT_PARQUET_PLUGIN");
}

}  // namespace
}  // namespace scalselect
