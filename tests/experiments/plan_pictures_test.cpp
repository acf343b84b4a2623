#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "experiments/plan/pictures.h"

namespace scalselect::plan {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(PlanPictures, RowsWithoutTheirPictureAreCounted) {
  const fs::path folder = fs::temp_directory_path() / ("scalselect_pictures_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "pool.json") << R"([
    {"id": 1, "image": "a.png", "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "a"}]},
    {"id": 2, "image": "b.png", "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "a"}]}
  ])";
  const Pool pool(folder / "pool.json");
  auto check = picture_check("pool", pool);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->state, Check::State::kMissing);
  EXPECT_THAT(check->text, HasSubstr("all of 2 rows that were looked at lack their picture, the first is row 0: '" +
                                     (folder / "a.png").string() + "'"));
  EXPECT_THAT(check->text, HasSubstr("pool.image_root"));
  std::ofstream(folder / "a.png") << "x";
  check = picture_check("pool", pool);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->state, Check::State::kDoubt);
  EXPECT_THAT(check->text, HasSubstr("1 of 2 rows that were looked at lack their picture, the first is row 1"));
  std::ofstream(folder / "b.png") << "x";
  EXPECT_FALSE(picture_check("pool", pool));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace scalselect::plan
