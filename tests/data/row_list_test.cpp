#include "data/row_list.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "core/error.h"
#include "core/log_listener.h"
#include "data/selection.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

fs::path place(const std::string& name) {
  const auto folder = fs::path(::testing::TempDir()) / "row_list_test";
  fs::create_directories(folder);
  return folder / name;
}

fs::path write(const std::string& name, const std::string& text) {
  std::ofstream(place(name), std::ios::binary) << text;
  return place(name);
}

std::string sample(const std::string& id, const std::string& image, const std::string& answer) {
  const auto picture = image.empty() ? "" : fmt::format("\"image\": \"{}\", ", image);
  return fmt::format(
      R"({{"id": "{}", {}"conversations": [{{"from": "human", "value": "?"}}, {{"from": "gpt", "value": "{}"}}]}})", id,
      picture, answer);
}

/// As LLaVA-665K is: one id for several conversations about a picture, one picture in two sources, a copy, a text row.
class Lists : public ::testing::Test {
 protected:
  const std::vector<std::string> rows_ = {sample("000000033471", "coco/train2017/000000033471.jpg", "a bus"),
                                          sample("000000033471", "coco/train2017/000000033471.jpg", "two men"),
                                          sample("7", "vg/VG_100K/7.jpg", "yes"),
                                          sample("7", "gqa/images/7.jpg", "yes"),
                                          sample("copy", "ocr/1.jpg", "a book"),
                                          sample("copy", "ocr/1.jpg", "a book"),
                                          sample("wgByO4Y_0", "", "code"),
                                          sample("300", "textvqa/300.jpg", "red")};
  const Pool pool_{write("pool.json", fmt::format("[{}]", fmt::join(rows_, ",\n")))};

  std::vector<std::int64_t> read(const std::string& name, const std::string& text, const RowListOptions& options = {}) {
    return read_row_list(write(name, text), &pool_, pool_.size(), options).rows;
  }
  std::string refusal(const std::string& text, const RowListOptions& options = {}) {
    return message_of([&] { read("refused", text, options); });
  }
};

TEST_F(Lists, RowNumbersInEveryForm) {
  EXPECT_THAT(read("rows.txt", "4\n0\n\n6\n"), ElementsAre(4, 0, 6));
  EXPECT_THAT(read("rows.json", "[4, 0,\n 6]"), ElementsAre(4, 0, 6));
  EXPECT_THAT(read("rows.jsonl", "4\n0\n6\n"), ElementsAre(4, 0, 6));
  EXPECT_THAT(read("strings.json", R"(["4", "0"])"), ElementsAre(4, 0));
  EXPECT_THAT(read("savetxt.txt", "4.000000000000000000e+00\n0.000000000000000000e+00\n"), ElementsAre(4, 0));
  const std::string header = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }";
  std::string npy = std::string("\x93NUMPY\x01\x00", 8) + std::string("\x76\x00", 2) + header;
  npy.append(128 - 1 - npy.size(), ' ') += '\n';
  npy += std::string("\x06\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0", 16);
  EXPECT_THAT(read("rows.npy", npy), ElementsAre(6, 1));
}

TEST_F(Lists, IdsInEveryForm) {
  EXPECT_THAT(read("ids.txt", "wgByO4Y_0\r\n300\n"), ElementsAre(6, 7));
  EXPECT_THAT(read("ids.json", R"(["300", "wgByO4Y_0"])"), ElementsAre(7, 6));
  EXPECT_THAT(read("objects.jsonl", "{\"id\": \"300\"}\n{\"id\": \"wgByO4Y_0\"}\n"), ElementsAre(7, 6));
  EXPECT_THAT(read("one.jsonl", "{\"id\": \"300\"}\n"), ElementsAre(7));
}

TEST_F(Lists, AnIdThatIsListedAsOftenAsThePoolHasItMeansAllOfItsRows) {
  EXPECT_THAT(read("twice.txt", "000000033471\n300\n000000033471\n"), ElementsAre(0, 7, 1));
  EXPECT_THAT(
      refusal("000000033471\ncopy\n300\n"),
      AllOf(HasSubstr("2 of the 3 entries"), HasSubstr("'000000033471' (rows 0, 1)"), HasSubstr("row numbers")));
}

TEST_F(Lists, SamplesAreToldApartByConversationAndPicture) {
  EXPECT_THAT(read("subset.json", fmt::format("[{}, {}, {}]", rows_[3], rows_[1], rows_[6])), ElementsAre(3, 1, 6));
  EXPECT_THAT(read("subset.jsonl", rows_[2] + "\n"), ElementsAre(2));
  EXPECT_THAT(read("copies.json", fmt::format("[{}, {}]", rows_[5], rows_[5])), ElementsAre(4, 5));
  EXPECT_THAT(read("one.json", fmt::format("[{}]", rows_[5])), ElementsAre(4)) << "copies are the same sample";
  EXPECT_THAT(read("new_id.json", fmt::format("[{}]", sample("another", "images/300.jpg", "red"))), ElementsAre(7));
  EXPECT_THAT(refusal(fmt::format("[{}]", sample("7", "vg/VG_100K/7.jpg", "no"))), HasSubstr("1 of the 1 entries of"));
  EXPECT_THAT(refusal(fmt::format("[{}, {}]", rows_[0], sample("none", "x.jpg", "red"))),
              AllOf(HasSubstr("1 of its 2 entries"), HasSubstr("id 'none'"), HasSubstr("or take them off the list.")));
}

TEST_F(Lists, AChangedConversationUnderAnIdOfItsOwnIsTakenWithAWarning) {
  std::vector<std::string> warnings;
  const LogListener listener([&](LogLevel, const std::string& text) { warnings.push_back(text); });
  EXPECT_THAT(read("changed.json", fmt::format("[{}]", sample("300", "textvqa/300.jpg", "blue"))), ElementsAre(7));
  EXPECT_THAT(warnings, Contains(HasSubstr("1 of 1 samples have the id of a row and another conversation")));
}

TEST_F(Lists, UnknownEntriesAreRefusedOrSkippedWithCounts) {
  EXPECT_THAT(refusal("300\nnobody\nnothing\n"),
              AllOf(HasSubstr("2 of its 3 entries"), HasSubstr("id 'nobody', id 'nothing'")));
  EXPECT_THAT(refusal("nobody\n", {.of_method = true}), HasSubstr("method.unknown=skip"));
  EXPECT_THAT(refusal("5\n99\n"), AllOf(HasSubstr("1 of its 2 entries"), HasSubstr("row 99"))) << "row 5 is there";
  EXPECT_THAT(refusal("5\n99\n", {.skip_unknown = true}), HasSubstr("names no row")) << "ids of another pool";
  EXPECT_THAT(refusal("[0, 8]", {.keyed_by = KeyedBy::kRow}), HasSubstr("row 8"));
  std::vector<std::string> warnings;
  const LogListener listener([&](LogLevel, const std::string& text) { warnings.push_back(text); });
  const auto list = read_row_list(write("some.txt", "300\nnobody\n300\n"), &pool_, 8, {.skip_unknown = true});
  EXPECT_THAT(list.rows, ElementsAre(7));
  EXPECT_EQ(list.unknown, 1);
  EXPECT_THAT(warnings, AllOf(Contains(HasSubstr("1 of its 3 entries")), Contains(HasSubstr("once: row 7"))));
  EXPECT_THAT(refusal("nobody\n", {.skip_unknown = true}), HasSubstr("names no row"));
}

TEST(ListsOfNumbers, ThatCouldBeIdsAsWellAreAskedAbout) {
  std::vector<std::string> rows;
  for (int i = 0; i < 4; ++i) rows.push_back(sample(std::to_string(3 - i), "", "a"));
  const Pool pool(write("numbered.json", fmt::format("[{}]", fmt::join(rows, ","))));
  const auto list = write("numbers.txt", "0\n1\n");
  EXPECT_THAT(message_of([&] { read_row_list(list, &pool, 4); }),
              AllOf(HasSubstr(R"(a JSON list with {"id": "0"} or {"row": 0} for each)"), Not(HasSubstr("keyed_by"))))
      << "must_keep and exclude have no such key";
  EXPECT_THAT(message_of([&] { read_row_list(list, &pool, 4, {.of_method = true}); }),
              HasSubstr("method.keyed_by=row, method.keyed_by=id, or a JSON list with"));
  EXPECT_THAT(read_row_list(write("ids.json", R"([{"id": "0"}, {"id": 1}])"), &pool, 4).rows, ElementsAre(3, 2));
  EXPECT_THAT(read_row_list(write("rows.json", R"([{"row": 0}, {"row": 1}])"), &pool, 4).rows, ElementsAre(0, 1));
  EXPECT_THAT(read_row_list(list, &pool, 4, {.keyed_by = KeyedBy::kRow}).rows, ElementsAre(0, 1));
  EXPECT_THAT(read_row_list(list, &pool, 4, {.keyed_by = KeyedBy::kId}).rows, ElementsAre(3, 2));
  EXPECT_THAT(read_row_list(list, nullptr, 4).rows, ElementsAre(0, 1)) << "a table without its pool";
  EXPECT_THAT(message_of([&] { read_row_list(list, nullptr, 4, {.keyed_by = KeyedBy::kId}); }), HasSubstr("no pool"));
}

TEST_F(Lists, RankingsAndManifestsAreCheckedByTheirIds) {
  write_ranking(pool_, {7, 0}, {}, place("ranking.jsonl"));
  EXPECT_THAT(read_row_list(place("ranking.jsonl"), &pool_, 8).rows, ElementsAre(7, 0));
  EXPECT_TRUE(is_ranking(place("ranking.jsonl")));
  EXPECT_FALSE(is_ranking(place("pool.json")));
  const auto manifest = [](const char* id) {
    return fmt::format("{{\n \"format\": \"{}\",\n \"rows\": [7, 6],\n \"ids\": [\"300\", \"{}\"]\n}}\n",
                       kManifestFormat, id);
  };
  EXPECT_THAT(read("m.json", manifest("wgByO4Y_0")), ElementsAre(7, 6));
  EXPECT_THAT(refusal(manifest("other")), AllOf(HasSubstr("another pool"), HasSubstr("row 6 is 'other' there")));
  EXPECT_THAT(refusal("{\"rank\":1,\"row\":9,\"id\":\"x\"}\n"), HasSubstr("another pool"));
  EXPECT_THAT(refusal("{\"format\": \"scalselect.selection/9\",\n\"rows\": []}"), HasSubstr("scalselect.selection/9"));
  EXPECT_THAT(refusal("{\n \"rows\": [1]\n}"), HasSubstr("not the manifest of a selection"));
}

TEST_F(Lists, WhatIsNoListIsRefused) {
  EXPECT_THAT(refusal(" \n"), HasSubstr("is empty"));
  EXPECT_THAT(refusal("[1, 2"), HasSubstr("ends before its closing"));
  EXPECT_THAT(refusal("[1, {\"x\": 2}]"), HasSubstr("entry 2"));
  EXPECT_THAT(refusal("[1, 2.5]"), HasSubstr("entry 2"));
  EXPECT_THAT(message_of([&] { read_row_list(place("missing"), &pool_, 8); }), HasSubstr("missing"));
}

}  // namespace
}  // namespace scalselect
