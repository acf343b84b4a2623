#include "eval/tsv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "eval/images.h"
#include "eval/json_files.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::HasSubstr;

TEST(Tsv, ReadsEveryTrapAsPandasDoes) {
  const auto expected = parse_json_file(testing::golden("tricky.json"));
  const TsvTable table = TsvTable::read(testing::golden("tricky.tsv"));
  EXPECT_EQ(table.columns(), expected.at("columns").get<std::vector<std::string>>());
  ASSERT_EQ(table.rows(), expected.at("rows").size());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t c = 0; c < table.columns().size(); ++c) {
      const auto& cell = expected.at("rows")[row][c];
      const std::string& column = table.columns()[c];
      EXPECT_EQ(table.missing(row, column), cell.is_null()) << row << " " << column;
      if (cell.is_null()) continue;
      EXPECT_EQ(table.cell(row, column), cell.get<std::string>()) << row << " " << column;
    }
  }
  EXPECT_EQ(table.line(1), 4u) << "lines are counted inside quotes too";
}

TEST(Tsv, NamesFileLineAndRemedy) {
  const auto error = [](const std::string& text) {
    return testing::error_of([&] { TsvTable::parse(text, "x.tsv").require({"index", "answer"}); });
  };
  EXPECT_THAT(error(""), HasSubstr("x.tsv: the table is empty"));
  EXPECT_THAT(error("index\tquestion\n1\tq\n"),
              HasSubstr("x.tsv: column 'answer' is missing (the file has index, question)"));
  EXPECT_THAT(error("index\tanswer\n1\tA\tx\n"), HasSubstr("x.tsv: line 2 has 3 fields where the header has 2"));
  EXPECT_THAT(error("index\tanswer\n1\t\"A\n"), HasSubstr("x.tsv: the quoted field that opens on line 2 never closes"));
  EXPECT_THAT(error("index\tindex\n"), HasSubstr("column 'index' occurs twice"));
}

TEST(ImageCache, StoresEqualImagesOnce) {
  const testing::TempFolder folder;
  const ImageCache cache(folder / "images");
  EXPECT_EQ(cache.store(testing::fake_png(1)), cache.store(testing::fake_png(1)));
  EXPECT_NE(cache.store(testing::fake_png(1)), cache.store(testing::fake_png(2)));
  EXPECT_EQ(read_file(cache.store(testing::fake_png(2))), testing::fake_png(2));
  EXPECT_THROW(cache.store("hello"), std::invalid_argument);
}

TEST(ListLiteral, ParsesPythonsListsOfStrings) {
  EXPECT_EQ(list_or_text("plain"), (std::vector<std::string>{"plain"}));
  EXPECT_EQ(list_or_text("['a', \"it's\", 'b\\'c\\n']"), (std::vector<std::string>{"a", "it's", "b'c\n"}));
  EXPECT_EQ(list_or_text("[oops"), (std::vector<std::string>{"[oops"}));
  EXPECT_EQ(list_or_text("['x'] y"), (std::vector<std::string>{"['x'] y"}));
}

}  // namespace
}  // namespace scalselect::eval
