#include "eval/tsv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "eval/images.h"
#include "eval/json_files.h"
#include "eval/python_literal.h"
#include "eval/text_files.h"
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

TEST(Tsv, LongCellsStayInTheFileAndAreReadAlike) {
  const testing::TempFolder folder;
  const std::string base64(100000, 'A'), quoted = std::string(5000, 'b') + "\t\"\n" + std::string(5000, 'c');
  std::string written = "\"" + quoted + "\"", text = "index\timage\tanswer\n";
  written.replace(written.find("\t\"") + 1, 1, "\"\"");
  for (int row = 0; row < 400; ++row) text += std::to_string(row) + "\t" + base64 + std::to_string(row) + "\tx\n";
  text += "400\t" + written + "\ty";
  write_file_atomically(folder / "long.tsv", text);
  const auto in_file = TsvTable::read(folder / "long.tsv"), in_memory = TsvTable::parse(text, "long.tsv");
  ASSERT_EQ(in_file.rows(), 401U);
  for (std::size_t row = 0; row < in_file.rows(); ++row) {
    for (const auto* column : {"index", "image", "answer"}) {
      ASSERT_EQ(in_file.cell(row, column), in_memory.cell(row, column)) << row << " " << column;
      EXPECT_FALSE(in_file.missing(row, column));
    }
    EXPECT_EQ(in_file.line(row), in_memory.line(row));
  }
  EXPECT_EQ(in_file.cell(7, "image"), base64 + "7");
  EXPECT_EQ(in_file.cell(400, "image"), quoted);
}

TEST(Tsv, NamesFileLineAndRemedy) {
  const auto error = [](const std::string& text) {
    return message_of([&] { TsvTable::parse(text, "x.tsv").require({"index", "answer"}); });
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

TEST(PictureProblem, TellsWhyAPictureCannotBeUsed) {
  const testing::TempFolder folder;
  const std::string whole = testing::fake_png(3);
  EXPECT_EQ(picture_problem(folder.write("whole.png", whole)), "");
  EXPECT_EQ(picture_problem(folder.write("more.png", whole + "a little after its end")), "");
  EXPECT_THAT(picture_problem((folder / "none.png").string()), HasSubstr("none.png is missing"));
  EXPECT_THAT(picture_problem(folder.write("empty.png", "")), HasSubstr("empty.png is empty"));
  EXPECT_THAT(picture_problem(folder.write("cut.png", whole.substr(0, 45))), HasSubstr("its image cannot be opened: "));
  EXPECT_THAT(picture_problem(folder.write("page.png", "<html>no such picture</html>")), HasSubstr("cannot be opened"));
}

TEST(ListLiteral, ParsesPythonsListsOfStrings) {
  EXPECT_EQ(list_or_text("plain"), (std::vector<std::string>{"plain"}));
  EXPECT_EQ(list_or_text("['a', \"it's\", 'b\\'c\\n']"), (std::vector<std::string>{"a", "it's", "b'c\n"}));
  EXPECT_EQ(list_or_text("[oops"), (std::vector<std::string>{"[oops"}));
  EXPECT_EQ(list_or_text("['x'] y"), (std::vector<std::string>{"['x'] y"}));
  EXPECT_EQ(list_or_text(R"(['10\xa0km', "ab\u3000c", '\U0001F600', '\101\q', r'\n', u'a' "b"])"),
            (std::vector<std::string>{"10\xC2\xA0km",
                                      "ab\xE3\x80\x80"
                                      "c",
                                      "\xF0\x9F\x98\x80", "A\\q", "\\n", "ab"}));
  EXPECT_EQ(list_or_text("('a', 10, -2.5, None)"), (std::vector<std::string>{"a", "10", "-2.5", "None"}));
  EXPECT_EQ(list_or_text("(see below)"), (std::vector<std::string>{"(see below)"}));
  for (const char* bad : {"[x]", "['a' 1]", R"(['\x1'])", R"(['\UFFFFFFFF'])", R"(['\N{DASH}'])"}) {
    EXPECT_THROW(list_or_text(bad), std::invalid_argument) << bad;
  }
}

TEST(TextFiles, NamesWhatIsNotUtf8AndLeavesCompanionsAlone) {
  const testing::TempFolder folder;
  const auto write = [&](const char* name, const std::string& bytes) {
    write_file_atomically(folder / name, bytes);
    return folder / name;
  };
  EXPECT_EQ(read_text(write("good.tsv", "\xEF\xBB\xBF\xC3\xA4\n")), "\xC3\xA4\n");
  const auto error = [&](const std::string& bytes) {
    return message_of([&] { TsvTable::read(write("bad.tsv", bytes)); });
  };
  EXPECT_THAT(error(std::string("\xFF\xFEi\0", 4)), HasSubstr("bad.tsv' is UTF-16 text, but UTF-8 is expected"));
  EXPECT_THAT(error("index\n1\n\xE4\n"), HasSubstr("bad.tsv: line 3 holds bytes that are not UTF-8 text"));
  EXPECT_THAT(error("\n <HTML><body>404"), HasSubstr("bad.tsv: is a web page, not the benchmark's file"));
  EXPECT_THAT(error("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("bad.tsv: is a Git LFS pointer"));
  for (const char* name : {"._good.tsv", ".DS_Store", "Thumbs.db", "desktop.ini"}) write(name, "x");
  std::filesystem::create_directory(folder / "__MACOSX");
  EXPECT_EQ(list_folder(folder / "."), (std::vector{folder / "./bad.tsv", folder / "./good.tsv"}));
}

}  // namespace
}  // namespace scalselect::eval
