// Parquet behind the pool: the same samples, pictures and subsets as from the rows as JSON.
#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/files.h"
#include "data/containers/parquet.h"
#include "data/image.h"
#include "data/picture_ref.h"
#include "data/pool.h"
#include "data/subset.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

fs::path golden(const std::string& name) { return fs::path(SCALSELECT_TEST_DATA) / "parquet" / name; }
fs::path place(const std::string& name) { return fs::path(testing::TempDir()) / name; }

class ParquetPool : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
#ifndef SCALSELECT_HAS_PARQUET
    GTEST_SKIP() << "built without Arrow";
#endif
  }

  /// The rows that Python has read, as JSON lines.
  static fs::path as_lines(const std::string& name) {
    std::string text;
    const auto expected = nlohmann::json::parse(read_file(golden(name + ".json")));
    for (std::string row : expected["rows"]) {
      for (auto at = row.find("FILE"); at != row.npos; at = row.find("FILE")) {
        row.replace(at, 4, golden(name + ".parquet").string());
      }
      text += row + "\n";
    }
    write_file_atomically(place(name + ".jsonl"), text);
    return place(name + ".jsonl");
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, ParquetPool, testing::Values("llava", "finevision", "messages"),
                         [](const auto& info) { return std::string(info.param); });

/// What a sample says and shows.
struct Seen {
  std::string id, source;
  std::vector<std::string> turns;
  std::vector<Image> pictures;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> seen(const Pool& pool) {
  std::vector<Seen> all;
  pool.for_each([&](Sample& sample) {
    Seen one{sample.id, sample.source, {}, {}};
    for (const auto& turn : sample.turns) one.turns.push_back(std::to_string(static_cast<int>(turn.role)) + turn.text);
    for (const auto& name : sample.images) one.pictures.push_back(decode_image(name));
    all.push_back(std::move(one));
  });
  return all;
}

TEST_P(ParquetPool, GivesTheSamplesOfTheSameRowsAsJson) {
  const Pool pool(golden(std::string(GetParam()) + ".parquet")), lines(as_lines(GetParam()));
  const auto samples = seen(pool);
  EXPECT_EQ(samples, seen(lines));
  EXPECT_EQ(static_cast<std::int64_t>(samples.size()), pool.size());
  for (const auto& sample : samples) EXPECT_GE(sample.turns.size(), 2U);
}

TEST_P(ParquetPool, SubsetsInEveryContainerGiveTheSameSamples) {
  const Pool pool(golden(std::string(GetParam()) + ".parquet"));
  const std::vector<std::int64_t> rows = {1, 2, pool.size() - 1};
  auto expected = seen(pool);
  expected = {expected[1], expected[2], expected.back()};
  for (const std::string name : {"s.parquet", "s.jsonl", "s.json", "s.tar"}) {
    const auto file = place(GetParam() + ("-" + name));
    write_subset(pool, rows, file);
    const Pool subset(file);
    if (name == "s.tar") {  // whose rows have names; those become ids where there are none
      const auto named = seen(subset);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        if (expected[i].id.empty()) expected[i].id = named[i].id;
      }
    }
    EXPECT_EQ(seen(subset), expected) << name;
    write_subset(subset, {0, 1, 2}, place("back.parquet"));  // as columns, but for s.parquet
    EXPECT_EQ(seen(Pool(place("back.parquet"))), expected) << name << " and back";
  }
}

TEST_F(ParquetPool, ADamagedFileIsRefusedWithTheRowsThatCouldBeRead) {
  const auto bytes = read_file(golden("llava.parquet"));
  write_file_atomically(place("cut.parquet"), bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(message_of([] { Pool(place("cut.parquet")); }), HasSubstr("ends without the footer"));
}

}  // namespace
}  // namespace scalselect
