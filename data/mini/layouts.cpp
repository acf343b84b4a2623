// The on-disk layouts of the six benchmarks.
#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "core/base64.h"
#include "data/mini/benchmarks.h"
#include "data/mini/prompts.h"

namespace scalselect::mini {
namespace {

using Json = nlohmann::ordered_json;
using Files = std::map<std::string, std::string>;

constexpr std::int64_t kRotationStep = 1'000'000;

/// Collects the files of one benchmark.
struct Output {
  const BenchmarkPlan& plan;
  std::vector<std::string> png;  ///< bytes of each picture
  Files files;

  void tag(const std::string& id, const BenchmarkItem& item) {
    const SceneType scene = plan.pictures[static_cast<std::size_t>(item.picture)].scene.type;
    const Json line = {{"id", id},
                       {"skill", name(item.asked.skill)},
                       {"form", name(item.asked.form)},
                       {"scene", name(scene)},
                       {"chance", item.asked.chance}};
    files["skills.jsonl"] += line.dump() + "\n";
  }
  const std::string& bytes(const BenchmarkItem& item) const { return png[static_cast<std::size_t>(item.picture)]; }
};

/// A TSV cell; quoted if it has to be.
std::string cell(const std::string& text) {
  if (text.find_first_of("\t\n\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void append_row(std::string& table, const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i) table += '\t';
    table += cell(cells[i]);
  }
  table += "\n";
}

/// Option r + i of n, or an empty cell.
std::string option(const Asked& asked, std::size_t i, std::size_t rotation = 0) {
  const std::size_t count = asked.options.size();
  return i < count ? asked.options[(i + rotation) % count] : "";
}

std::string broad_category(Skill skill) {
  switch (skill) {
    case Skill::kColor:
    case Skill::kShape:
    case Skill::kSize: return "attribute_recognition";
    case Skill::kCount:
    case Skill::kPosition: return "finegrained_perception";
    default: return "relation_reasoning";
  }
}

void write_mmbench(Output& out) {
  std::string& table = out.files["MMBench_DEV_EN.tsv"];
  append_row(table, {"index", "question", "hint", "A", "B", "C", "D", "answer", "category", "image", "source",
                     "l2-category", "comment", "split"});
  for (std::size_t rotation = 0; rotation < 4; ++rotation) {
    for (std::size_t i = 0; i < out.plan.items.size(); ++i) {
      const BenchmarkItem& item = out.plan.items[i];
      const Asked& asked = item.asked;
      const std::size_t count = asked.options.size();
      if (rotation >= count) continue;
      const auto index = static_cast<std::int64_t>(i) + 1;
      const auto right = (static_cast<std::size_t>(asked.answer[0] - 'A') + count - rotation) % count;
      append_row(table, {std::to_string(index + static_cast<std::int64_t>(rotation) * kRotationStep), asked.text,
                         item.hint, option(asked, 0, rotation), option(asked, 1, rotation), option(asked, 2, rotation),
                         option(asked, 3, rotation), std::string(1, static_cast<char>('A' + right)),
                         std::string(name(asked.skill)),
                         rotation == 0 ? encode_base64(out.bytes(item)) : std::to_string(index), "mini",
                         broad_category(asked.skill), "", "dev"});
      if (rotation == 0) out.tag(std::to_string(index), item);
    }
  }
}

void write_ai2d(Output& out) {
  std::string& table = out.files["AI2D_TEST.tsv"];
  append_row(table, {"index", "question", "A", "B", "C", "D", "answer", "category", "image", "abcLabel", "image_path"});
  for (const BenchmarkItem& item : out.plan.items) {
    const Asked& asked = item.asked;
    const std::string index = std::to_string(item.picture * 100 + 1);
    append_row(table, {index, asked.text, option(asked, 0), option(asked, 1), option(asked, 2), option(asked, 3),
                       asked.answer, std::string(name(asked.skill)), encode_base64(out.bytes(item)), "False",
                       fmt::format("{}.png", item.picture)});
    out.tag(index, item);
  }
}

void write_scienceqa(Output& out) {
  Json problems = Json::object(), test = Json::array(), llava = Json::array();
  for (std::size_t i = 0; i < out.plan.items.size(); ++i) {
    const BenchmarkItem& item = out.plan.items[i];
    const std::string id = std::to_string(i + 1);
    const SceneType scene = out.plan.pictures[static_cast<std::size_t>(item.picture)].scene.type;
    problems[id] = {{"question", item.asked.text},
                    {"choices", item.asked.options},
                    {"answer", item.asked.answer[0] - 'A'},
                    {"hint", item.hint},
                    {"image", "image.png"},
                    {"task", "closed choice"},
                    {"grade", "grade1"},
                    {"subject", "mini world"},
                    {"topic", name(item.asked.skill)},
                    {"category", name(scene)},
                    {"skill", name(item.asked.skill)},
                    {"lecture", ""},
                    {"solution", ""},
                    {"split", "test"}};
    test.push_back(id);
    const std::string context = item.hint.empty() ? "" : "Context: " + item.hint;
    llava.push_back({{"id", id},
                     {"image", id + "/image.png"},
                     {"conversations",
                      {{{"from", "human"}, {"value", "<image>\n" + choice_message(item.asked, context)}},
                       {{"from", "gpt"}, {"value", item.asked.answer}}}}});
    out.files["images/test/" + id + "/image.png"] = out.bytes(item);
    out.tag(id, item);
  }
  out.files["problems.json"] = problems.dump(1) + "\n";
  out.files["pid_splits.json"] =
      Json({{"train", Json::array()}, {"val", Json::array()}, {"test", test}}).dump(1) + "\n";
  out.files["llava_test_CQM-A.json"] = llava.dump(1) + "\n";
}

void write_pope(Output& out) {
  std::map<std::string, int> number;  // ids start at 1 in each file
  for (const BenchmarkItem& item : out.plan.items) {
    const std::string image = fmt::format("COCO_val2014_{:012}.png", item.picture + 1);
    const int id = ++number[item.group];
    const Json line = {{"question_id", id}, {"image", image}, {"text", item.asked.text}, {"label", item.asked.answer}};
    out.files["coco_pope_" + item.group + ".json"] += line.dump() + "\n";
    out.files["images/" + image] = out.bytes(item);
    out.tag(fmt::format("{}/{}", item.group, id), item);
  }
}

void write_mme(Output& out) {
  for (std::size_t i = 0; i < out.plan.items.size(); ++i) {
    const BenchmarkItem& item = out.plan.items[i];
    const std::string stem = fmt::format("{}/{:06}", item.group, item.picture);
    out.files[stem + ".txt"] += item.asked.text + "\t" + (item.asked.answer == "yes" ? "Yes" : "No") + "\n";
    out.files[stem + ".png"] = out.bytes(item);
    if (i % 2 == 0) out.tag(stem + ".png", item);
  }
}

std::string ocr_type(Skill skill) {
  switch (skill) {
    case Skill::kOcr: return "Regular Text Recognition";
    case Skill::kValue:
    case Skill::kTallest: return "Doc-oriented VQA";
    case Skill::kArrow: return "Key Information Extraction";
    default: return "Scene Text-centric VQA";
  }
}

void write_ocrbench(Output& out) {
  Json list = Json::array();
  for (std::size_t i = 0; i < out.plan.items.size(); ++i) {
    const BenchmarkItem& item = out.plan.items[i];
    const std::string image = fmt::format("mini/{}.png", item.picture);
    list.push_back({{"dataset_name", "mini"},
                    {"type", ocr_type(item.asked.skill)},
                    {"id", i},
                    {"image_path", image},
                    {"question", item.asked.text},
                    {"answers", Json::array({item.asked.answer})}});
    out.files["OCRBench_Images/" + image] = out.bytes(item);
    out.tag(std::to_string(i), item);
  }
  out.files["OCRBench.json"] = list.dump(1) + "\n";
}

}  // namespace

std::map<std::string, std::string> benchmark_files(const BenchmarkPlan& plan, std::int64_t seed) {
  static const std::map<std::string, std::function<void(Output&)>> writers = {
      {"mini-mmbench", write_mmbench}, {"mini-pope", write_pope},           {"mini-mme", write_mme},
      {"mini-ai2d", write_ai2d},       {"mini-scienceqa", write_scienceqa}, {"mini-ocrbench", write_ocrbench}};
  Output out{plan, encode_pictures(plan.pictures, seed), {}};
  writers.at(plan.name)(out);
  return std::move(out.files);
}

}  // namespace scalselect::mini
