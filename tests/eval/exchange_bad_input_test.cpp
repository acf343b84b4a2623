// Files of other programs that cannot be read, or that belong to something else: one sentence each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "core/zip_format.h"
#include "eval/exchange/xlsx.h"
#include "eval/exchange/xml.h"
#include "tests/eval/exchange_fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::AllOf;
using testing::exchange;
using ::testing::HasSubstr;
using testing::StandIn;
using testing::TempFolder;

/// A zip archive of stored members, as small writers make it.
std::string zip_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string bytes;
  std::vector<ZipMember> members;
  for (const auto& [name, text] : files) {
    ZipMember member{name, false, 0, std::ssize(text), std::ssize(text), std::ssize(bytes)};
    bytes += zip_local_header(member) + text;
    members.push_back(member);
  }
  return bytes + zip_directory(members, std::ssize(bytes));
}

std::string workbook(const std::string& sheet,
                     const std::string& sheets = "<sheet name='S' sheetId='1' r:id='rId1'/>") {
  return zip_of({{"xl/workbook.xml", "<workbook><sheets>" + sheets + "</sheets></workbook>"},
                 {"xl/_rels/workbook.xml.rels",
                  "<Relationships><Relationship Id='rId1' Target='worksheets/s.xml'/></Relationships>"},
                 {"xl/worksheets/s.xml", "<x:worksheet><x:sheetData>" + sheet + "</x:sheetData></x:worksheet>"}});
}

std::string text_cell(const std::string& place, const std::string& text) {
  return "<x:c r='" + place + "' t='inlineStr'><x:is><x:t>" + text + "</x:t></x:is></x:c>";
}

class ExchangeBadInput : public ::testing::Test {
 protected:
  std::string read(const std::string& name, const std::string& bytes) {
    const auto file = folder_.write(name, bytes);
    return message_of([&] { read_answers(file); });
  }
  TempFolder folder_;
};

TEST_F(ExchangeBadInput, WhatIsHandedOverByMistake) {
  EXPECT_THAT(read("a.xlsx", "<!DOCTYPE html><html>Sign in</html>"), HasSubstr("a.xlsx: is a page of HTML"));
  EXPECT_THAT(read("a.tsv", "\n <html>"), HasSubstr("is a page of HTML"));
  EXPECT_THAT(read("a.pkl", "\x80\x04\x95"), HasSubstr("a.pkl: is a pickle"));
  EXPECT_THAT(read("a.xlsx", "index\tprediction\n1\tA\n"), HasSubstr("a.xlsx: is not an .xlsx file"));
  EXPECT_THAT(read("a.xlsx", zip_of({{"README.md", "hello"}})), HasSubstr("is a zip archive, but not an .xlsx file"));
  EXPECT_THAT(read("a.csv", "index,prediction\n"), HasSubstr("a.csv: has an extension that no harness gives"));
  EXPECT_THAT(read("a.tsv", ""), HasSubstr("a.tsv: is empty"));
  EXPECT_THAT(message_of([&] { read_answers(folder_ / "gone.tsv"); }), HasSubstr("gone.tsv: is not a file"));
}

TEST_F(ExchangeBadInput, TablesThatHoldNoPredictions) {
  EXPECT_THAT(read("a.tsv", "index\tquestion\n1\tWhat?\n"),
              HasSubstr("has no column 'prediction' (it has index, question)"));
  EXPECT_THAT(read("a.tsv", "index\tprediction\thit\tlog\n1\tA\t1\tx\n"), HasSubstr("is a sheet of results"));
  EXPECT_THAT(read("a.tsv", "index\tprediction\n"), HasSubstr("a.tsv: holds no answers"));
  EXPECT_THAT(read("a.tsv", "index\tprediction\n\"\"\tA\n"), HasSubstr("a.tsv: line 2: has no index"));
  EXPECT_THAT(read("a.json", "{\"index\": 1}"), HasSubstr("a.json: is not a list of records"));
  EXPECT_THAT(read("a.json", "[{\"index\": 1, \"prediction\": \"A\"}, 3]"), HasSubstr("record 2: is not an object"));
  EXPECT_THAT(read("a.json", "[{\"index\": 1, \"predic"), HasSubstr("a.json: not valid JSON near byte"));
}

TEST_F(ExchangeBadInput, SheetsThatCannotBeRead) {
  const auto two = workbook("", "<sheet name='one' r:id='rId1'/><sheet name='two' r:id='rId2'/>");
  EXPECT_THAT(read("a.xlsx", two), HasSubstr("a.xlsx: has 2 sheets (one, two)"));
  EXPECT_THAT(read("a.xlsx", workbook("")), HasSubstr("its sheet 'S' is empty"));
  const auto header = "<x:row r='1'>" + text_cell("A1", "index") + text_cell("B1", "prediction") + "</x:row>";
  EXPECT_THAT(read("a.xlsx", workbook(header + "<x:row r='2'>" + text_cell("C2", "x") + "</x:row>")),
              HasSubstr("row 2 has 3 cells where the header has 2"));
  EXPECT_THAT(read("a.xlsx", workbook(header + "<x:row r='2'><x:c r='A2' t='s'><x:v>7</x:v></x:c></x:row>")),
              HasSubstr("'xl/worksheets/s.xml' cannot be read: a cell refers to a text that is not there"));
  EXPECT_THAT(read("a.xlsx", workbook(header + "<x:row r='2'></x:c></x:row>")),
              HasSubstr("a tag closes that is not open"));
  EXPECT_THAT(read("a.xlsx", workbook("<x:row r='1'>" + text_cell("A1", "a") + text_cell("B1", "a") + "</x:row>")),
              HasSubstr("column 'a' occurs twice"));
}

TEST_F(ExchangeBadInput, CutSheetsNeverPassAsWhole) {
  const auto whole = read_file(exchange("vlmevalkit_mmbench.xlsx"));
  for (std::size_t size = 2; size < whole.size(); size += 311) {
    EXPECT_THAT(read("cut.xlsx", whole.substr(0, size)), HasSubstr("cut.xlsx")) << size;
  }
}

TEST_F(ExchangeBadInput, OtherWritersSheetsAreRead) {
  const auto sheet =
      workbook("<x:row>" + text_cell("A1", "index") + text_cell("B1", "prediction") +
               "</x:row><x:row r='3'><x:c r='A3'><x:v>1000003</x:v></x:c>" +
               "<x:c r='B3' t='str'><x:v>a &lt;b&gt; &#x41;_x000D_</x:v></x:c></x:row>" +
               "<x:row><x:c><x:v>1.0000004E6</x:v></x:c><x:c r='B4'><x:v>0.10000000000000001</x:v></x:c></x:row>" +
               "<x:row r='9'><x:c r='A9' t='b'><x:v>1</x:v></x:c><x:c r='B9' t='inlineStr'><x:is><x:r><x:t>two "
               "</x:t></x:r><x:rPh><x:t>no</x:t></x:rPh>" +
               "<x:r><x:t xml:space='preserve'>runs</x:t></x:r></x:is></x:c></x:row>");
  const auto answers = read_answers(folder_.write("a.xlsx", sheet)).answers;
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].id, "1000003");
  EXPECT_EQ(answers[0].text, "a <b> A\r");
  EXPECT_EQ(answers[1].id, "1000000.4");
  EXPECT_EQ(answers[1].text, "0.1");
  EXPECT_TRUE(answers[1].number);
  EXPECT_EQ(answers[2].text, "two runs");
  EXPECT_THAT(answers[2].where, HasSubstr("a.xlsx: row 9"));
}

TEST_F(ExchangeBadInput, LinesOfNoHarness) {
  EXPECT_THAT(read("a.jsonl", "{\"id\": 1}\n"), HasSubstr("a.jsonl: line 1: is a record of no known harness"));
  EXPECT_THAT(read("a.jsonl", "{\"question_id\": 1, \"text\": \"A\"}\n{\"question_id\": 2}\n{\"quest"),
              HasSubstr("a.jsonl: line 3 is not a JSON object"));
  EXPECT_THAT(read("a.jsonl", "{\"doc_id\": 0, \"filtered_resps\": [[-1.5, true]]}\n"),
              HasSubstr("line 1: has no text in 'resps' or 'filtered_resps'"));
  EXPECT_THAT(read("a.jsonl", "{\"doc_id\": \"x\", \"resps\": [\"A\"]}\n"),
              HasSubstr("a 'doc_id' that is not a whole number"));
  const auto samples = folder_.write("s.jsonl", "{\"doc_id\": 0, \"resps\": [\"A\"]}\n");
  EXPECT_THAT(message_of([&] { read_answers(samples, AnswerFormat::kVlmEvalKit); }),
              HasSubstr("is not a file of vlmevalkit"));
}

TEST_F(ExchangeBadInput, AnswersOfAnotherBenchmark) {
  StandIn mmbench("mmbench", "mmbench.tsv"), mme("mme", "mme.tsv"), pope("pope", "pope");
  const auto join = [](const StandIn& stand_in, const std::string& file) {
    return message_of([&] { join_answers(stand_in.benchmark(), stand_in.loaded(), read_answers(file)); });
  };
  EXPECT_THAT(join(mme, exchange("vlmevalkit_mmbench.xlsx")),
              AllOf(HasSubstr("vlmevalkit_mmbench.xlsx: row 2 was given to 'Which is it in picture 0?'"),
                    HasSubstr("Is `path` the file (and the revision) of 'mme' that was answered?")));
  EXPECT_THAT(join(pope, exchange("vlmevalkit_mmbench.xlsx")),
              HasSubstr("none of its 26 answers belongs to a question of 'pope' (the first has the id '3'"));
  EXPECT_THAT(join(mmbench, exchange("lmms_samples_pope.jsonl")),
              HasSubstr("was given to 'Is there a dog in the image?"));
  // A file of fewer rows moves everything after the gap.
  auto lines = read_file(exchange("llava_pope.jsonl"));
  lines.erase(0, lines.find('\n') + 1);
  EXPECT_THAT(join(pope, folder_.write("short.jsonl", lines)), HasSubstr("short.jsonl: line 1 was given to"));
}

TEST_F(ExchangeBadInput, OneQuestionHasOneAnswer) {
  StandIn pope("pope", "pope.tsv");
  auto table = read_file(exchange("exports/reciter_POPE.tsv"));
  table += table.substr(table.find('\n') + 1);
  const auto file = folder_.write("twice.tsv", table);
  EXPECT_THAT(message_of([&] { join_answers(pope.benchmark(), pope.loaded(), read_answers(file)); }),
              HasSubstr("twice.tsv: line 26 answers question '0' again, after"));
}

TEST_F(ExchangeBadInput, UnansweredQuestionsAreListedWithWhatIsScoredWithThem) {
  StandIn mmbench("mmbench", "mmbench.tsv");
  auto answers = read_answers(exchange("vlmevalkit_mmbench.tsv"));
  std::erase_if(answers.answers,
                [](const ForeignAnswer& answer) { return answer.id == "1000003" || answer.id == "10"; });
  answers.answers.push_back({.where = "more", .id = "77"});
  const auto joined = join_answers(mmbench.benchmark(), mmbench.loaded(), answers);
  EXPECT_THAT(joined.unanswered, ::testing::UnorderedElementsAre("1000003", "10"));
  EXPECT_THAT(joined.incomplete, ::testing::UnorderedElementsAre("3", "2000003", "3000003", "1000010"));
  EXPECT_THAT(joined.strangers, ::testing::ElementsAre("more ('77')"));
  EXPECT_EQ(joined.predictions.size(), 20u);
}

TEST(ExchangeXml, EntitiesCommentsAndQuotes) {
  XmlReader xml("<?xml version='1.0'?><!DOCTYPE a><a k='x>y' p:n=\"&amp;1\"><!-- <b> --><![CDATA[<&]]>&#65;</a>");
  EXPECT_EQ(xml.next(), XmlReader::Event::kOpen);
  EXPECT_EQ(xml.attribute("k"), "x>y");
  EXPECT_EQ(xml.attribute("n"), "&1");
  EXPECT_EQ(xml.attribute("none"), "");
  EXPECT_EQ(xml.next(), XmlReader::Event::kText);
  EXPECT_EQ(xml.text(), "<&");
  EXPECT_EQ(xml.next(), XmlReader::Event::kText);
  EXPECT_EQ(xml.text(), "A");
  EXPECT_EQ(xml.next(), XmlReader::Event::kClose);
  EXPECT_EQ(xml.next(), XmlReader::Event::kEnd);
  for (const char* bad : {"<a>", "<a", "<a>&x;</a>", "<a></b>", "<!-- ", "<a>&#xD800;</a>", "<>"}) {
    XmlReader reader(bad);
    EXPECT_THROW(while (reader.next() != XmlReader::Event::kEnd){}, std::invalid_argument) << bad;
  }
}

}  // namespace
}  // namespace scalselect::eval
