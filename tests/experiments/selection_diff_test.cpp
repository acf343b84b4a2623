#include "experiments/runs/selection_diff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "core/files.h"
#include "report_fixtures.h"

namespace scalselect::pipeline {
namespace {

using report::testing::TempFolder;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::vector<std::int64_t> range(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

TEST(Overlap, ExpectationAndDeviationAreThoseOfScipy) {
  const auto golden = std::filesystem::path(SCALSELECT_TEST_DATA) / "overlap.json";
  for (const auto& item : nlohmann::json::parse(read_file(golden))) {
    const auto a = range(0, item["a"].get<std::int64_t>()), b = range(0, item["b"].get<std::int64_t>());
    const auto overlap = overlap_of(a, b, item["pool"].get<std::int64_t>());
    EXPECT_NEAR(overlap.expected, item["mean"].get<double>(), 1e-9 * item["mean"].get<double>()) << item;
    EXPECT_NEAR(overlap.deviation, item["std"].get<double>(), 1e-9 * item["std"].get<double>() + 1e-12) << item;
    EXPECT_EQ(overlap.common, std::min(std::ssize(a), std::ssize(b))) << item;
  }
}

TEST(Overlap, CountsByHand) {
  const auto overlap = overlap_of({9, 1, 4, 6}, {6, 2, 9}, 10);
  EXPECT_EQ(overlap.common, 2);
  EXPECT_DOUBLE_EQ(overlap.jaccard, 2.0 / 5);
  EXPECT_DOUBLE_EQ(overlap.expected, 1.2);
  EXPECT_NEAR(overlap.deviation, std::sqrt(4 * 0.3 * 0.7 * 6 / 9), 1e-15);
  EXPECT_NEAR(overlap.z, 0.8 / std::sqrt(0.56), 1e-12);
  EXPECT_TRUE(std::isnan(overlap_of(range(0, 10), {1}, 10).z)) << "every set shares all with the whole pool";
}

TEST(Overlap, IsAMatrixForReadersAndPairsForPrograms) {
  const std::vector<NamedRows> sets = {{"a.json", {0, 1, 2, 3}}, {"longer.txt", {2, 3, 4}}, {"all", range(0, 10)}};
  const auto json = overlap_json(sets, 10);
  ASSERT_EQ(json["pairs"].size(), 3U);
  EXPECT_EQ(json["pairs"][0]["common"], 2);
  EXPECT_TRUE(json["pairs"][1]["z"].is_null());
  const auto text = overlap_text(sets, 10);
  EXPECT_THAT(text, HasSubstr("a.json: 4 of 10 rows\n"));
  EXPECT_THAT(text, HasSubstr("\na.json            .     2 (1.2)  4 (4.0)\n"));
  EXPECT_THAT(text, HasSubstr("\nlonger.txt  0.4000           .  0.3000\n"));
  EXPECT_THAT(text, HasSubstr("\na.json           .        +1.1    -\n"));
}

std::string sample(int id, const std::string& image, const std::string& source, const std::string& answer) {
  Json row = {{"id", std::to_string(id)}};
  if (!image.empty()) row["image"] = image;
  if (!source.empty()) row["source"] = source;
  row["conversations"] = {{{"from", "human"}, {"value", "<image>\nWhat is it?"}}, {{"from", "gpt"}, {"value", answer}}};
  return row.dump();
}

TEST(Diff, SaysWhatEntersAndLeavesBySourceLengthAndPicture) {
  const TempFolder folder;
  const std::vector<std::string> rows = {
      sample(0, "coco/train/1.jpg", "", "a"), sample(1, "coco/train/1.jpg", "", "a b c"),
      sample(2, "gqa/2.jpg", "", "a b"),      sample(3, "coco/train/3.jpg", "", "a b"),
      sample(4, "", "", "a b c d e f"),       sample(5, "5.jpg", "vqa", "a")};
  write_file_atomically(folder.path / "pool.json", fmt::format("[{}]", fmt::join(rows, ",")));
  const Pool pool(folder.path / "pool.json");
  const auto diff = diff_json(pool, {"A", {0, 2, 3}}, {"B", {1, 3, 4, 5}});
  EXPECT_EQ(diff["stayed"], 1);
  EXPECT_EQ(diff["entered"], 3);
  EXPECT_EQ(diff["left"], 2);
  const auto source = [&](std::size_t i) { return diff["sources"][i].dump(); };
  ASSERT_EQ(diff["sources"].size(), 4U);
  EXPECT_EQ(source(0), R"x({"source":"coco/train","a":2,"b":2,"entered":1,"left":1})x");
  EXPECT_EQ(source(1), R"x({"source":"gqa","a":1,"b":0,"entered":0,"left":1})x");
  EXPECT_EQ(source(2), R"x({"source":"text-only","a":0,"b":1,"entered":1,"left":0})x");
  EXPECT_EQ(source(3), R"x({"source":"vqa","a":0,"b":1,"entered":1,"left":0})x");
  EXPECT_EQ(diff["words"]["entered"]["mean"], (6.0 + 9 + 4) / 3) << "three of the question, none for <image>";
  EXPECT_EQ(diff["words"]["entered"]["median"], 6);
  EXPECT_EQ(diff["words"]["left"]["median"], 4.5);
  EXPECT_EQ(diff["turns"]["stayed"]["mean"], 2);
  EXPECT_EQ(diff["pictures"].dump(),
            R"({"a":3,"b":3,"both":2,"entered_with_a_picture_of_a":1,"left_with_a_picture_of_b":1})");
  const auto text = diff_text(diff);
  EXPECT_THAT(text, HasSubstr("1 stayed, 3 entered, 2 left"));
  EXPECT_THAT(text, HasSubstr("coco/train                       2         2         1         1\n"));
  const auto same = diff_json(pool, {"A", {0}}, {"A", {0}});
  EXPECT_TRUE(same["words"]["left"]["mean"].is_null());
  EXPECT_THAT(diff_text(same), HasSubstr("- (-)"));
}

}  // namespace
}  // namespace scalselect::pipeline
