#include "selector/rows.h"

#include <gmock/gmock.h>

#include <limits>

namespace scalselect {
namespace {

using ::testing::ElementsAre;

RowMajorMatrixXf counting_rows(std::int64_t rows, std::int64_t cols) {
  RowMajorMatrixXf matrix(rows, cols);
  for (std::int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(i);
  return matrix;
}

TEST(Rows, BlocksCoverTheSourceInOrderWhateverTheirSize) {
  const auto all = counting_rows(7, 3);
  const MemoryRows source({all.data(), 7, 3});
  for (const std::int64_t block_rows : {1, 2, 3, 7, 8, 1000}) {
    RowMajorMatrixXf seen(0, 3);
    for_each_block(source, block_rows, [&](std::int64_t first, const ConstRows& block) {
      EXPECT_EQ(first, seen.rows());
      EXPECT_EQ(block.rows(), std::min(block_rows, 7 - first));
      seen.conservativeResize(first + block.rows(), Eigen::NoChange);
      seen.bottomRows(block.rows()) = block;
    });
    EXPECT_EQ(seen, all) << block_rows;
  }
}

TEST(Rows, OfASourceWithoutAnyAreNotVisited) {
  for_each_block(MemoryRows({nullptr, 0, 3}), 4, [](std::int64_t, const ConstRows&) { FAIL(); });
}

TEST(Rows, WithNanOrInfinityAreNotFinite) {
  auto rows = counting_rows(600, 2);
  rows(0, 1) = std::numeric_limits<float>::quiet_NaN();
  rows(300, 0) = std::numeric_limits<float>::infinity();
  rows(599, 1) = -std::numeric_limits<float>::infinity();
  const auto found = finite_rows(rows);
  EXPECT_EQ(found.size(), 597U);
  EXPECT_THAT(std::vector<std::int64_t>(found.begin() + 298, found.begin() + 301), ElementsAre(299, 301, 302));
  EXPECT_EQ(found.front(), 1);
  EXPECT_EQ(found.back(), 598);
}

TEST(Rows, AreScaledToLengthOneAlsoWhereFloatsOverflow) {
  RowMajorMatrixXf rows(4, 2);
  rows << 3, 4, 0, 0, 3e30F, -4e30F, 3e-30F, 4e-30F;
  scale_to_unit_length(rows);
  RowMajorMatrixXf expected(4, 2);
  expected << 0.6F, 0.8F, 0, 0, 0.6F, -0.8F, 0.6F, 0.8F;
  EXPECT_TRUE(rows.isApprox(expected, 1e-7F)) << rows;
  RowMajorMatrixXf more = counting_rows(3, 2);
  scale_to_unit_length(more.row(1));
  EXPECT_FLOAT_EQ(more.row(1).norm(), 1);
  EXPECT_EQ(more(2, 0), 4);
}

}  // namespace
}  // namespace scalselect
