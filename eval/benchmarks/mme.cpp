// MME: two yes/no questions per image, accuracy plus pair accuracy by category.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "eval/json_files.h"
#include "eval/matchers.h"
#include "eval/metric_stats.h"
#include "eval/parquet_questions.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/text_files.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kPerception = {"existence", "count", "position", "color",   "posters",
                                              "celebrity", "scene", "landmark", "artwork", "OCR"};
const std::vector<std::string> kCognition = {"commonsense_reasoning", "numerical_calculation", "text_translation",
                                             "code_reasoning"};

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Sums of one category.
enum Slot { kRight, kQuestions, kPairs, kImages, kSlots };

enum class Part { kScore, kAccuracy, kAccuracyPlus };

double category_score(std::span<const double> sums, Part part) {
  const double accuracy = sums[kQuestions] > 0 ? 100 * sums[kRight] / sums[kQuestions] : 0;
  const double plus = sums[kImages] > 0 ? 100 * sums[kPairs] / sums[kImages] : 0;
  return part == Part::kAccuracy ? accuracy : part == Part::kAccuracyPlus ? plus : accuracy + plus;
}

double sum_of_categories(std::span<const double> sums) {
  double total = 0;
  for (std::size_t at = 0; at + kSlots <= sums.size(); at += kSlots) {
    total += category_score(sums.subspan(at, kSlots), Part::kScore);
  }
  return total;
}

double pooled_accuracy(std::span<const double> sums) {
  double right = 0, questions = 0;
  for (std::size_t at = 0; at + kSlots <= sums.size(); at += kSlots) {
    right += sums[at + kRight];
    questions += sums[at + kQuestions];
  }
  return questions > 0 ? 100 * right / questions : 0;
}

// The two questions of an image.
struct Pair {
  std::string category;
  std::int32_t cluster = 0;
  int questions = 0, right = 0, yes = 0;
};

class Mme final : public Benchmark {
 public:
  using Benchmark::Benchmark;

  std::vector<Matcher> matchers() const override { return matchers_of(AnswerKind::kMmeYesNo); }
  Parsed parse(const Question& question, const std::string& raw) const override { return rule().read(question, raw); }

 protected:
  std::vector<std::string> annotation_files() const override {
    if (is_tsv(options_.path) || is_parquet_path(options_.path)) return one_or_parquet(options_.path);
    std::vector<std::string> files;
    for (const auto& category : categories()) {
      for (const auto& [text, image] : pairs_of(category)) files.push_back(text.string());
    }
    return files;
  }

  std::vector<std::string> default_columns() const override { return {"perception", "cognition"}; }

  std::vector<Question> read(const std::string& image_cache) const override {
    auto questions = is_tsv(options_.path)            ? read_tsv(image_cache)
                     : is_parquet_path(options_.path) ? read_parquet(image_cache)
                                                      : read_tree();
    for (auto& question : questions) {
      question.stratum = question.category;
      question.cluster = question.group;
      question.splits = {contains(kPerception, question.category) ? "perception" : "cognition"};
      question.prompt = mme_prompt(options_.style, question.question);
    }
    const fs::path asked = fs::path(options_.path) / "llava_mme.jsonl";
    if (options_.style == PromptStyle::kLlava && fs::exists(asked)) take_llava_texts(asked, questions);
    return questions;
  }

  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override {
    const std::vector<Pair> pairs = collect_pairs(questions, outcomes, clusters);
    std::vector<std::string> perception, cognition;
    for (const auto& category : kPerception)
      if (has_category(pairs, category)) perception.push_back(category);
    for (const auto& category : kCognition)
      if (has_category(pairs, category)) cognition.push_back(category);
    std::vector<std::string> all = perception;
    all.insert(all.end(), cognition.begin(), cognition.end());
    std::vector<MetricStats> result;
    const auto add = [&](const std::string& name, const std::string& display, const std::vector<std::string>& members,
                         double scale, const auto& formula) {
      if (!members.empty())
        result.push_back(over(pairs, members, {.name = name, .display = display, .scale_max = scale}, formula));
    };
    const auto full = [](const std::vector<std::string>& members) {
      return 200.0 * static_cast<double>(members.size());
    };
    add("perception", display() + "-P", perception, full(perception), sum_of_categories);
    add("cognition", display() + "-C", cognition, full(cognition), sum_of_categories);
    add("total", display(), all, full(all), sum_of_categories);
    add("accuracy", display() + " acc", all, 100, pooled_accuracy);
    for (const auto& category : all) {
      const auto part = [](Part which) {
        return [which](std::span<const double> sums) { return category_score(sums, which); };
      };
      add("category/" + category, category, {category}, 200, part(Part::kScore));
      add("category/" + category + "/acc", category + " acc", {category}, 100, part(Part::kAccuracy));
      add("category/" + category + "/acc_plus", category + " acc+", {category}, 100, part(Part::kAccuracyPlus));
    }
    return result;
  }

 private:
  const MatcherRule& rule() const { return matcher_rule(AnswerKind::kMmeYesNo, options_.matcher); }

  // The release itself, or its folder in LLaVA's evaluation.
  fs::path root() const {
    const fs::path release = fs::path(options_.path) / "MME_Benchmark_release_version";
    return fs::is_directory(release) ? release : fs::path(options_.path);
  }

  // LLaVA's own questions (question_id CATEGORY/FILE), found by image and question as its converter does.
  static void take_llava_texts(const fs::path& file, std::vector<Question>& questions) {
    std::map<std::string, std::string> texts;
    const auto key = [](const std::string& image, const std::string& prompt) {
      return fs::path(image).replace_extension().string() + "\n" + prompt;
    };
    std::string spoilt;  // the first line that cannot be read: it may have asked a question that is missing
    const auto skip = [&](const UserError& bad) {
      if (spoilt.empty()) spoilt = fmt::format(" ({})", bad.problem());
    };
    for_each_json_line(
        file,
        [&](const nlohmann::json& line, const std::string& where) {
          try {
            const std::string id = json_string(line, "question_id", where), text = json_string(line, "text", where);
            std::string bare = text;
            if (bare.ends_with(kShortAnswerRequest))
              bare.resize(bare.size() - std::string_view(kShortAnswerRequest).size());
            texts[key(id, mme_prompt(PromptStyle::kLlava, bare))] = text;
          } catch (const UserError& error) {
            skip(error);
          }
        },
        skip);
    for (auto& question : questions) {
      const auto found = texts.find(key(question.image_names[0], mme_prompt(PromptStyle::kLlava, question.question)));
      if (found != texts.end()) question.prompt = found->second;
      else if (question.unusable.empty())
        question.unusable = fmt::format("{} does not ask it{}", file.string(), spoilt);
    }
  }

  static bool has_category(const std::vector<Pair>& pairs, const std::string& category) {
    return std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) { return pair.category == category; });
  }

  std::vector<Pair> collect_pairs(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                  std::span<const std::int32_t> clusters) const {
    std::map<std::string, std::size_t> place;
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const auto [found, added] = place.emplace(questions[i].group, pairs.size());
      if (added) pairs.push_back({questions[i].category, clusters[i], 0, 0, 0});
      Pair& pair = pairs[found->second];
      ++pair.questions;
      pair.right += outcomes[i].score > 0;
      pair.yes += questions[i].answers.front() == "yes";
    }
    for (const auto& [group, at] : place) {
      if (pairs[at].questions == 2) continue;
      throw UserError(ErrorKind::kInput,
                      fmt::format("benchmark '{}': image '{}' has {} questions", name(), group, pairs[at].questions),
                      "MME asks exactly two questions per image.");
    }
    return pairs;
  }

  // A metric over the categories `members`, kSlots sums for each; guess levels from the truths.
  template <class Formula>
  static MetricStats over(const std::vector<Pair>& pairs, const std::vector<std::string>& members, Metric metric,
                          const Formula& formula) {
    SumCollector sums;
    const std::size_t slots = members.size() * kSlots;
    std::vector<double> coin(slots, 0.0), yes(slots, 0.0), no(slots, 0.0);
    for (const auto& pair : pairs) {
      const auto place = std::find(members.begin(), members.end(), pair.category);
      if (place == members.end()) continue;
      metric.questions += 2;
      const auto base = static_cast<std::int32_t>(place - members.begin()) * kSlots;
      const auto add = [&](std::vector<double>& level, double right, double both) {
        const auto at = static_cast<std::size_t>(base);
        level[at + kRight] += right;
        level[at + kQuestions] += 2;
        level[at + kPairs] += both;
        level[at + kImages] += 1;
      };
      add(coin, 1, 0.25);
      add(yes, pair.yes, pair.yes == 2);
      add(no, 2 - pair.yes, pair.yes == 0);
      sums.add(pair.cluster, base + kRight, pair.right);
      sums.add(pair.cluster, base + kQuestions, 2);
      sums.add(pair.cluster, base + kPairs, pair.right == 2);
      sums.add(pair.cluster, base + kImages, 1);
    }
    metric.chance = formula(std::span<const double>(coin));
    metric.majority = std::max(formula(std::span<const double>(yes)), formula(std::span<const double>(no)));
    return {std::move(metric), static_cast<std::int32_t>(slots), sums.entries(), formula};
  }

  // Category folders in the official order. Throws for a folder that is not a category.
  std::vector<std::string> categories() const {
    std::vector<std::string> found;
    if (fs::is_directory(root())) {
      for (const auto& entry : list_folder(root())) {
        const std::string folder = entry.filename().string();
        if (!fs::is_directory(entry) || folder == "eval_tool") continue;
        check_category(folder, entry.string());
        found.push_back(folder);
      }
    }
    std::vector<std::string> ordered;
    for (const auto& category : kPerception)
      if (contains(found, category)) ordered.push_back(category);
    for (const auto& category : kCognition)
      if (contains(found, category)) ordered.push_back(category);
    return ordered;
  }

  static bool is_category(const std::string& name) { return contains(kPerception, name) || contains(kCognition, name); }

  // Images that are not asked about twice.
  static void mark_lone(std::vector<Question>& questions) {
    std::map<std::string, int> count;
    for (const auto& question : questions) ++count[question.group];
    for (auto& question : questions) {
      if (count[question.group] == 2 || !question.unusable.empty()) continue;
      question.unusable =
          fmt::format("image '{}' has {} questions, and MME asks two per image", question.group, count[question.group]);
    }
  }

  static void check_category(const std::string& category, const std::string& where) {
    if (is_category(category)) return;
    std::vector<std::string> known = kPerception;
    known.insert(known.end(), kCognition.begin(), kCognition.end());
    throw UserError(ErrorKind::kInput,
                    fmt::format("{}: '{}' is not a category of MME.{}", where, category, did_you_mean(category, known)),
                    "Each category is a folder named as in the official release.");
  }

  // (text file, image) of each image, in the order of the texts' names. Both official layouts: split and flat.
  std::vector<std::pair<fs::path, fs::path>> pairs_of(const std::string& category) const {
    const fs::path folder = root() / category;
    const bool split = fs::is_directory(folder / "images") && fs::is_directory(folder / "questions_answers_YN");
    const fs::path texts = split ? folder / "questions_answers_YN" : folder;
    const fs::path images = split ? folder / "images" : folder;
    std::map<std::string, fs::path> image_of, text_of;
    for (const auto& entry : list_folder(images)) {
      if (entry.extension() != ".txt") image_of[entry.stem().string()] = entry;
    }
    for (const auto& entry : list_folder(texts)) {
      if (entry.extension() == ".txt") text_of[entry.stem().string()] = entry;
    }
    std::vector<std::pair<fs::path, fs::path>> pairs;
    for (const auto& [stem, text] : text_of) {
      const auto image = image_of.find(stem);
      pairs.emplace_back(text,
                         image == image_of.end() ? images / stem : image->second);  // a missing one is noticed later
    }
    return pairs;
  }

  std::vector<Question> read_tree() const {
    std::vector<Question> questions;
    for (const auto& category : categories()) {
      for (const auto& [text, image] : pairs_of(category)) read_pair(category, text, image, questions);
    }
    return questions;
  }

  // A text whose lines are not the two questions of its image is one row without a use.
  static void read_pair(const std::string& category, const fs::path& text, const fs::path& image,
                        std::vector<Question>& questions) {
    std::vector<std::string> lines;
    std::istringstream in(read_text(text));
    for (std::string line; std::getline(in, line);) {
      if (!strip(line).empty()) lines.push_back(line);
    }
    std::string problem;
    if (lines.size() != 2)
      problem = fmt::format("{} holds {} questions, and MME asks two per image", text.string(), lines.size());
    for (std::size_t number = 0; number < std::max<std::size_t>(1, lines.size()); ++number) {
      const std::string line = lines.empty() ? "" : lines[number];
      Question question;
      question.image_names = {category + "/" + image.filename().string()};
      question.images = {image.string()};
      question.group = question.image_names[0];
      question.id = fmt::format("{}#{}", question.group, number);
      question.category = category;
      const std::size_t tab = line.find('\t');
      question.question = line.substr(0, tab);
      question.answers = {tab == std::string::npos ? "" : lower(strip(line.substr(tab + 1)))};
      question.unusable = problem;
      if (problem.empty() && question.answers[0] != "yes" && question.answers[0] != "no") {
        question.unusable = fmt::format("{}: line {} is not 'question<TAB>Yes|No'", text.string(), number + 1);
      }
      questions.push_back(std::move(question));
    }
  }

  // The two questions of an image have the same id.
  std::vector<Question> read_parquet(const std::string& image_cache) const {
    std::vector<Question> questions;
    std::map<std::string, int> asked;
    for_each_parquet_row(parquet_files(options_.path), {"question_id", "question", "answer", "category"}, image_cache,
                         [&](const nlohmann::json& row, Question& question) {
                           question.group = parquet_text(row, "question_id");
                           question.id = fmt::format("{}#{}", question.group, asked[question.group]++);
                           question.category = parquet_text(row, "category");
                           question.question = parquet_text(row, "question");
                           question.answers = {lower(strip(parquet_text(row, "answer")))};
                           check_row(question, "its row");
                           questions.push_back(std::move(question));
                         });
    mark_lone(questions);
    return questions;
  }

  static void check_row(Question& question, const std::string& where) {
    std::string problem;
    if (question.answers[0] != "yes" && question.answers[0] != "no") problem = "the answer is neither Yes nor No";
    if (!is_category(question.category)) problem = fmt::format("'{}' is not a category of MME", question.category);
    if (!problem.empty() && question.unusable.empty()) question.unusable = fmt::format("{}: {}", where, problem);
  }

  std::vector<Question> read_tsv(const std::string& image_cache) const {
    const TsvTable table = TsvTable::read(options_.path);
    table.require({"category"});
    auto questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_));
    for (std::size_t row = 0; row < questions.size(); ++row) {
      Question& question = questions[row];
      question.options.clear();
      question.answers = {lower(strip(question.answers.front()))};
      check_row(question, fmt::format("line {}", table.line(row)));
      const std::string path = table.text(row, "image_path");
      question.group = question.category + "/" + (path.empty() ? question.cluster : path);
    }
    mark_lone(questions);
    return questions;
  }
};

}  // namespace

/// MME: the official folder tree, one folder per category; or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_mme(const BenchmarkOptions& options) { return std::make_unique<Mme>(options); }

}  // namespace scalselect::eval
