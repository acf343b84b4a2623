// Token ids and targets against what the trainers' own code gave (golden/make_*.py), bit for bit.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "data/image.h"
#include "experiments/handover/registry.h"
#include "experiments/pipeline/handover_check.h"

namespace scalselect::handover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kGolden = SCALSELECT_TEST_DATA;
const fs::path kModels = fs::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden";
const fs::path kPictures = fs::path(SCALSELECT_SOURCE_DIR) / "tests" / "data" / "golden" / "images";

std::vector<json> lines_of(const char* name) {
  std::vector<json> lines;
  std::ifstream file(kGolden / name);
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

/// rows.json as the trainers were given them: nothing is put in another place.
std::vector<std::pair<Row, std::vector<std::string>>> rows() {
  std::vector<std::pair<Row, std::vector<std::string>>> out;
  std::ifstream file(kGolden / "rows.json");
  for (const auto& item : json::parse(file)) {
    Row row;
    for (const auto& turn : item["turns"]) {
      const auto role = turn[0].get<std::string>();
      row.turns.push_back({role == "system" ? Role::kSystem
                           : role == "user" ? Role::kUser
                                            : Role::kAssistant,
                           turn[1].get<std::string>()});
    }
    row.images = std::ssize(item["images"]);
    out.emplace_back(row, item["images"].get<std::vector<std::string>>());
  }
  return out;
}

Extent resized(const Extent& size, std::int64_t factor, const Area& area) {
  const auto seen = vlm::smart_resize({static_cast<int>(size.height), static_cast<int>(size.width)},
                                      static_cast<int>(factor), {area.least, area.most});
  return {seen.width, seen.height};
}

/// Compares every line of a golden file with the trainer's emulation. `count`: lines that had ids.
class Golden {
 public:
  explicit Golden(Trainer trainer) : trainer_(std::move(trainer)) {}

  /// Visual tokens of a picture: nine in the tiny LLaVA, by the trainer's rule elsewhere.
  std::vector<std::int64_t> image_tokens(const std::vector<std::string>& images, const PictureRule& rule) {
    std::vector<std::int64_t> counts;
    for (const auto& name : images) {
      if (rule.factor == 1) {
        counts.push_back(9);
        continue;
      }
      const auto image = decode_image(kPictures / name);
      counts.push_back(trainer_.image_tokens({image.width, image.height}, rule));
    }
    return counts;
  }

  void compare(const json& line, const PictureRule& rule, const Template& layout, const Settings& settings,
               const TextTokenizer& tokenizer) {
    const auto number = line["row"].get<std::size_t>();
    const auto& [row, images] = rows_[number];
    SCOPED_TRACE(line["model"].get<std::string>() + " row " + std::to_string(number) + " limit " +
                 std::to_string(settings.max_length));
    const auto made = trainer_.render(row, layout, settings, tokenizer, image_tokens(images, rule));
    if (!line.contains("ids")) {
      EXPECT_NE(made.left_out, "") << "the trainer gives nothing: " << line.dump();
      ++left_out;
      return;
    }
    if (made.left_out.ends_with("in the model")) return;  // ids that no model can read: more placeholders than pictures
    ASSERT_EQ(made.left_out, "");
    EXPECT_EQ(made.ids, line["ids"].get<std::vector<std::int64_t>>());
    std::string learnt;
    for (const auto target : made.targets) learnt += target != 0 ? '1' : '0';
    EXPECT_EQ(learnt, line["learnt"]);
    ++equal;
  }

  int equal = 0, left_out = 0;

 private:
  Trainer trainer_;
  std::vector<std::pair<Row, std::vector<std::string>>> rows_ = rows();
};

const Template& named(const Trainer& trainer, const std::string& name) {
  for (const auto& layout : trainer.templates) {
    if (layout.name == name) return layout;
  }
  throw std::runtime_error(name);
}

std::optional<std::string> text_or_none(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
}

TEST(Rendering, LlamaFactory) {
  const auto trainer = llamafactory();
  Golden golden(trainer);
  for (const auto& line : lines_of("llamafactory.jsonl")) {
    const auto model = line["model"].get<std::string>();
    PictureRule rule;
    if (model != "llava_base") rule = {8, {512, 1024}, {}, resized};
    golden.compare(line, rule, named(trainer, line["template"]),
                   {text_or_none(line["default_system"]), line["cutoff_len"].get<std::int64_t>()},
                   pipeline::FolderTokenizer(kModels / model));
  }
  EXPECT_GE(golden.equal, 100);
  EXPECT_GE(golden.left_out, 30);
}

TEST(Rendering, MsSwift) {
  const auto trainer = ms_swift();
  Golden golden(trainer);
  for (const auto& line : lines_of("ms_swift.jsonl")) {
    const auto model = line["model"].get<std::string>();
    PictureRule rule;
    const std::int64_t factor = model == "qwen3_base" ? 32 : 28;
    if (model != "llava_base") rule = {factor, {}, {4 * factor * factor, 16384 * factor * factor}, {}};
    golden.compare(line, rule, named(trainer, line["template"]),
                   {text_or_none(line["system"]), line["max_length"].get<std::int64_t>()},
                   pipeline::FolderTokenizer(kModels / model));
  }
  EXPECT_GE(golden.equal, 100);
  EXPECT_GE(golden.left_out, 6);
}

/// The attribute `legacy` as the golden script set it.
class Legacy : public pipeline::FolderTokenizer {
 public:
  Legacy(const fs::path& folder, bool legacy) : FolderTokenizer(folder), legacy_(legacy) {}
  bool legacy() const override { return legacy_; }
  std::optional<std::int64_t> bos() const override { return id("<s>"); }
  std::optional<std::int64_t> unk() const override { return id("<unk>"); }

 private:
  bool legacy_;
};

TEST(Rendering, Llava) {
  const auto trainer = llava();
  Golden golden(trainer);
  for (const auto& line : lines_of("llava.jsonl")) {
    golden.compare(line, {}, trainer.templates.front(), {{}, line["model_max_length"].get<std::int64_t>()},
                   Legacy(kModels / line["model"].get<std::string>(), line["legacy"].get<bool>()));
  }
  EXPECT_GE(golden.equal, 60);
  EXPECT_GE(golden.left_out, 20);
}

/// Visual tokens by size, from the trainers' own image code.
TEST(Rendering, VisualTokensOfPicturesOfManySizes) {
  const auto sizes = json::parse(std::ifstream(kGolden / "sizes.json"));
  const std::map<std::string, Trainer> trainers = {{"llamafactory", llamafactory()}, {"ms-swift", ms_swift()}};
  int compared = 0;
  for (const auto& line : sizes) {
    const std::int64_t factor = line["factor"], least = line["least"], most = line["most"];
    const PictureRule rule{factor, {least, most}, {least, most}, resized};
    const auto& trainer = trainers.at(line["trainer"]);
    for (const auto& [width, height, tokens] : line["sizes"].get<std::vector<std::array<std::int64_t, 3>>>()) {
      EXPECT_EQ(trainer.image_tokens({width, height}, rule), tokens)
          << trainer.name << " " << factor << ": " << width << " x " << height;
      ++compared;
    }
  }
  EXPECT_GE(compared, 60);
}

}  // namespace
}  // namespace scalselect::handover
