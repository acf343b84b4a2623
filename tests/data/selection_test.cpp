#include "data/selection.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "data/score_file.h"
#include "data/subset.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

fs::path place(const std::string& name) {
  const auto folder = fs::path(::testing::TempDir()) / "selection_test";
  fs::create_directories(folder);
  return folder / name;
}

fs::path write(const std::string& name, const std::string& text) {
  std::ofstream(place(name), std::ios::binary) << text;
  return place(name);
}

std::string row(const std::string& id) {
  return "{\"id\":" + id + ", \"x\" : 1.0, \"conversations\": [{\"from\": \"human\", \"value\": \"?\"}]}";
}

Pool small_pool() {
  return Pool(write("pool.json", fmt::format("[{},\n  {}, {}]", row("\"a\""), row("5"), row("\"a\""))));
}

TEST(Subset, KeepsBytesAndOrderOfThePool) {
  const auto pool = small_pool();
  write_subset(pool, {2, 1}, place("subset.json"));
  EXPECT_EQ(read_file(place("subset.json")), "[\n" + row("5") + ",\n" + row("\"a\"") + "\n]\n");
  const Pool lines(write("pool.jsonl", row("1") + "\n" + row("2") + "\n"));
  write_subset(lines, {1}, place("subset.jsonl"));
  EXPECT_EQ(read_file(place("subset.jsonl")), row("2") + "\n");
  EXPECT_EQ(Pool(place("subset.json")).size(), 2);
}

TEST(Ranking, HoldsRankRowIdAndScore) {
  const auto pool = small_pool();
  write_ranking(pool, {1, 0}, {0.25, 0.5, std::nan("")}, place("ranking.jsonl"));
  EXPECT_EQ(read_file(place("ranking.jsonl")),
            "{\"rank\":1,\"row\":1,\"id\":\"5\",\"score\":0.5}\n{\"rank\":2,\"row\":0,\"id\":\"a\",\"score\":0.25}\n");
}

TEST(Ids, FindRowsUnlessAmbiguous) {
  const auto pool = small_pool();
  EXPECT_THAT(rows_of_ids(pool, {"5"}), ElementsAre(1));
  EXPECT_THAT(message_of([&] { rows_of_ids(pool, {"a"}); }), HasSubstr("share the id 'a'"));
  EXPECT_THAT(message_of([&] { rows_of_ids(pool, {"b"}); }), HasSubstr("has the id 'b'"));
}

TEST(ScoreFile, LooksLikeTheAuthorsAndComesBack) {
  const auto file = place("importance_scores.jsonl");
  const std::vector<std::string> ids = {"3", "007", "x_1", "4"};
  const std::vector<double> scores = {0.25, 0.5, 0.25, std::nan("")};
  write_scores(ids, scores, file);
  EXPECT_EQ(read_file(file),
            "{\"sample_id\": \"007\", \"importance\": 0.5}\n{\"sample_id\": 3, \"importance\": 0.25}\n"
            "{\"sample_id\": \"x_1\", \"importance\": 0.25}\n");
  const auto entries = read_scores(file);
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[1].id, "3");
  EXPECT_EQ(entries[1].score, 0.25);
}

TEST(ScoreFile, IsTheSameByAnyNumberOfThreads) {
  std::vector<std::string> ids;
  std::vector<double> scores;
  for (int i = 0; i < 150'000; ++i) {  // more lines than are in memory as text at a time
    ids.push_back(std::to_string(i));
    scores.push_back(i % 1000);
  }
  const auto written_by = [&](int threads) {
    set_threads(threads);
    write_scores(ids, scores, place("many.jsonl"));
    set_threads(0);
    return read_file(place("many.jsonl"));
  };
  const auto text = written_by(1);
  EXPECT_EQ(text, written_by(3));
  const auto entries = read_scores(place("many.jsonl"));
  ASSERT_EQ(entries.size(), ids.size());
  EXPECT_EQ(entries[0].id, "999");
  EXPECT_EQ(entries[1].id, "1999");  // ties in the order of the rows
  EXPECT_EQ(entries.back().id, "149000");
}

TEST(ScoreFile, MapsToRows) {
  const auto pool = small_pool();
  const auto by_row = scores_by_row({{"2", 0.5}, {"0", 0.25}}, pool, IdKind::kRow, "s.jsonl");
  EXPECT_EQ(by_row[0], 0.25);
  EXPECT_TRUE(std::isnan(by_row[1]));
  EXPECT_EQ(scores_by_row({{"5", 0.5}}, pool, IdKind::kId, "s.jsonl")[1], 0.5);
  EXPECT_THAT(message_of([&] { scores_by_row({{"3", 1}}, pool, IdKind::kRow, "s.jsonl"); }), HasSubstr("not a row of"));
  EXPECT_THAT(message_of([&] {
                scores_by_row({{"1", 1}, {"1", 2}}, pool, IdKind::kRow, "s.jsonl");
              }),
              HasSubstr("twice"));
}

TEST(ScoreFile, RefusesOtherLines) {
  EXPECT_THAT(message_of([] { read_scores(write("s.jsonl", "{\"metadata\": 1}\n{\"sample_id\": 1}\n")); }),
              HasSubstr("Line 2"));
  EXPECT_THAT(message_of([] { read_scores(write("s.jsonl", "")); }), HasSubstr("no scores"));
}

}  // namespace
}  // namespace scalselect
