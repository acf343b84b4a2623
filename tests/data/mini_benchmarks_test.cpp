#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <sstream>

#include "data/image.h"
#include "data/mini/benchmarks.h"
#include "data/mini/lexicon.h"
#include "data/mini/pool.h"
#include "mini_oracle.h"

namespace scalselect::mini {
namespace {

const std::vector<BenchmarkPlan>& plans() {
  static const auto all = plan_benchmarks({});
  return all;
}

const BenchmarkPlan& plan(const std::string& name) {
  for (const BenchmarkPlan& candidate : plans()) {
    if (candidate.name == name) return candidate;
  }
  throw std::runtime_error("no plan " + name);
}

std::map<std::string, std::string> files(const std::string& name) { return benchmark_files(plan(name), 1); }

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> result(1);
  for (char c : line) {
    if (c == '\t') result.emplace_back();
    else result.back() += c;
  }
  return result;
}

Image decode(const std::string& png) {
  return decode_image(std::span(reinterpret_cast<const std::uint8_t*>(png.data()), png.size()), "test");
}

TEST(MiniBenchmarks, AskEnoughAndEvenly) {
  std::int64_t total = 0;
  for (const BenchmarkPlan& each : plans()) total += each.questions();
  EXPECT_EQ(plans().size(), 6u);
  EXPECT_GE(total, 1500);
  const auto counts = questions_by_skill(plans());
  EXPECT_EQ(counts.size(), static_cast<std::size_t>(kSkills - 1));  // all but descriptions
  for (const auto& [skill, count] : counts) {
    if (skill == "exist") continue;  // POPE asks for it alone
    EXPECT_NEAR(static_cast<double>(count), 110, 4) << skill;
  }
}

TEST(MiniBenchmarks, ShareNoTemplateNoWordWithThePoolNorEachOther) {
  std::set<std::string> held_out, words;
  for (const BenchmarkPlan& each : plans()) {
    for (const Picture& picture : each.pictures) {
      EXPECT_TRUE(held_out.insert(template_key(picture.scene)).second);
      if (picture.scene.word) words.insert(picture.scene.word->text);
    }
  }
  for (const PoolImage& image : plan_pool({}).images) {
    EXPECT_FALSE(held_out.count(template_key(image.scene)));
    EXPECT_FALSE(image.scene.word && words.count(image.scene.word->text));
  }
}

TEST(MiniBenchmarks, AnswersAgreeWithTheOracleAndStayInTheVocabulary) {
  for (const BenchmarkPlan& each : plans()) {
    for (const BenchmarkItem& item : each.items) {
      const Asked& asked = item.asked;
      for (const std::string& text : {asked.text, asked.answer, item.hint}) {
        for (const std::string& piece : to_pieces(text)) ASSERT_NE(piece, "<unk>") << text;
      }
      const auto right = oracle(each.pictures[static_cast<std::size_t>(item.picture)].scene, asked.key);
      if (!right || asked.form == Form::kYesNo) continue;
      EXPECT_EQ(asked.form == Form::kOpen ? asked.answer : asked.options[asked.answer[0] - 'A'],
                asked.form == Form::kOpen ? open_answer(*right) : *right)
          << asked.text;
    }
  }
}

TEST(MiniBenchmarks, MmbenchHoldsEveryRotation) {
  const auto all = files("mini-mmbench");
  const auto rows = lines(all.at("MMBench_DEV_EN.tsv"));
  EXPECT_EQ(cells(rows[0])[0], "index");
  std::map<std::int64_t, std::vector<std::vector<std::string>>> rotations;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto row = cells(rows[i]);
    ASSERT_EQ(row.size(), 14u);
    rotations[std::stoll(row[0]) % 1'000'000].push_back(row);
  }
  EXPECT_EQ(rotations.size(), plan("mini-mmbench").items.size());
  for (const auto& [index, same] : rotations) {
    std::set<std::string> contents, letters;
    for (const auto& row : same) {
      letters.insert(row[7]);
      contents.insert(row[3 + static_cast<std::size_t>(row[7][0] - 'A')]);
      EXPECT_EQ(row[9].size() > 64, std::stoll(row[0]) < 1'000'000);  // later rows refer to the first
    }
    EXPECT_EQ(contents.size(), 1u);          // the right content stays
    EXPECT_EQ(letters.size(), same.size());  // its letter moves through all places
  }
}

TEST(MiniBenchmarks, PopeIsBalancedAndSharesItsPositives) {
  const auto all = files("mini-pope");
  std::set<std::string> positives[3];
  int file = 0;
  for (const char* split : {"adversarial", "popular", "random"}) {
    int yes = 0, no = 0;
    for (const std::string& line : lines(all.at(std::string("coco_pope_") + split + ".json"))) {
      const auto json = nlohmann::json::parse(line);
      const std::string image = json.at("image"), text = json.at("text");
      ASSERT_TRUE(all.count("images/" + image));
      (json.at("label") == "yes" ? yes : no)++;
      if (json.at("label") == "yes") positives[file].insert(image + text);
    }
    EXPECT_EQ(yes, 60);
    EXPECT_EQ(no, 60);
    ++file;
  }
  EXPECT_EQ(positives[0], positives[1]);
  EXPECT_EQ(positives[0], positives[2]);
}

TEST(MiniBenchmarks, MmePairsHaveYesThenNo) {
  int texts = 0;
  for (const auto& [path, bytes] : files("mini-mme")) {
    if (!path.ends_with(".txt")) continue;
    const auto pair = lines(bytes);
    ASSERT_EQ(pair.size(), 2u) << path;
    EXPECT_TRUE(pair[0].ends_with("Please answer yes or no.\tYes")) << pair[0];
    EXPECT_TRUE(pair[1].ends_with("Please answer yes or no.\tNo")) << pair[1];
    ++texts;
  }
  EXPECT_EQ(texts, static_cast<int>(plan("mini-mme").pictures.size()));
}

TEST(MiniBenchmarks, ScienceQaAndOcrBenchPointAtTheirImages) {
  const auto science = files("mini-scienceqa");
  const auto problems = nlohmann::json::parse(science.at("problems.json"));
  const auto test = nlohmann::json::parse(science.at("pid_splits.json")).at("test");
  EXPECT_EQ(problems.size(), test.size());
  for (const auto& id : test) {
    const auto& problem = problems.at(id.get<std::string>());
    EXPECT_LT(problem.at("answer").get<std::size_t>(), problem.at("choices").size());
    const Image image = decode(science.at("images/test/" + id.get<std::string>() + "/image.png"));
    EXPECT_EQ(image.width, kImageSize);
    EXPECT_EQ(image.height, kImageSize);
  }
  const auto ocr = files("mini-ocrbench");
  for (const auto& question : nlohmann::json::parse(ocr.at("OCRBench.json"))) {
    EXPECT_TRUE(ocr.count("OCRBench_Images/" + question.at("image_path").get<std::string>()));
    EXPECT_FALSE(question.at("answers").at(0).get<std::string>().empty());
  }
}

TEST(MiniBenchmarks, EveryQuestionCarriesSkillFormAndChance) {
  for (const BenchmarkPlan& each : plans()) {
    const auto all = benchmark_files(each, 1);
    std::set<std::string> ids;
    for (const std::string& line : lines(all.at("skills.jsonl"))) {
      const auto json = nlohmann::json::parse(line);
      EXPECT_TRUE(ids.insert(json.at("id")).second) << line;
      const double chance = json.at("chance");
      EXPECT_TRUE(chance >= 0 && chance <= 0.5);
    }
    EXPECT_EQ(ids.size(), each.name == "mini-mme" ? each.pictures.size() : each.items.size());
  }
}

TEST(MiniBenchmarks, ChoiceLettersAreEven) {
  std::map<std::string, int> letters;
  int all = 0;
  for (const BenchmarkPlan& each : plans()) {
    for (const BenchmarkItem& item : each.items) {
      if (item.asked.options.size() != 4) continue;
      ++letters[item.asked.answer];
      ++all;
    }
  }
  for (const char* letter : {"A", "B", "C", "D"}) EXPECT_NEAR(letters[letter], all / 4.0, 0.06 * all) << letter;
}

}  // namespace
}  // namespace scalselect::mini
