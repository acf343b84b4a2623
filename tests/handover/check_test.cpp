// What `handover check` finds: our own training beside the trainers' renderings, on the tiny models.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "experiments/pipeline/handover_check.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

const fs::path kModels = fs::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden";
const fs::path kPictures = fs::path(SCALSELECT_SOURCE_DIR) / "tests" / "data" / "golden" / "images";
constexpr vlm::PixelLimits kBounds{512, 1024};  // of the tiny folders

class CheckedHandover : public ::testing::Test {
 protected:
  /// The rows of golden/rows.json as a pool.
  CheckedHandover() {
    std::ifstream file(fs::path(SCALSELECT_TEST_DATA) / "rows.json");
    std::string lines;
    for (const auto& row : json::parse(file)) {
      json out = {{"images", row["images"]}};
      for (const auto& turn : row["turns"]) out["messages"].push_back({{"role", turn[0]}, {"content", turn[1]}});
      lines += out.dump() + "\n";
    }
    write_file_atomically(file_, lines);
    pool_ = std::make_unique<Pool>(file_, kPictures);
  }
  ~CheckedHandover() override { fs::remove(file_); }

  HandoverReport check(const std::string& model, const std::string& trainer, HandoverCheck asked = {}) {
    const auto folder = kModels / model;
    const auto opened = vlm::open_model(folder, {}, kBounds);
    asked.trainer = &handover::trainer_named(trainer);
    asked.layout = handover::template_for(*asked.trainer, handover::architecture_of(folder));
    return check_handover(*pool_, folder, opened.chat, *opened.images, kBounds, asked);
  }

  fs::path file_ = fs::temp_directory_path() / "scalselect_handover_check.jsonl";
  std::unique_ptr<Pool> pool_;
};

TEST_F(CheckedHandover, QwenThroughLlamaFactoryIsOurTrainingWhenTheTagsAreOurs) {
  const auto plain = check("qwen3_base", "llamafactory");
  EXPECT_EQ(plain.rows, 22);
  EXPECT_EQ(plain.equal.visual, plain.compared);
  EXPECT_LT(plain.equal.ids, plain.compared);  // the newline after the picture
  EXPECT_THAT(plain.first_difference, AllOf(HasSubstr("row 0: "), HasSubstr("here:"), HasSubstr("visual tokens]")));
  // Five differ still: three have tags after the first question, one has an answer that begins with a line break, which
  // our one string joins with the one before it, and one has an empty system prompt.
  ASSERT_EQ(plain.compared, 16);
  EXPECT_THAT(plain.variations, ElementsAre(Pair("with handover_tags=ours", Field(&Agreement::ids, 11))));

  HandoverCheck asked;
  asked.tags_as_ours = true;
  asked.rows = 4;
  const auto ours = check("qwen3_base", "llamafactory", asked);
  EXPECT_EQ(ours.equal, (Agreement{4, 4, 4}));
  EXPECT_EQ(ours.first_difference, "");
  EXPECT_THAT(ours.variations, IsEmpty());
}

TEST_F(CheckedHandover, LlavaThroughLlamaFactoryDiffersBySystemPromptAndFirstToken) {
  const auto report = check("llava_base", "llamafactory");
  EXPECT_EQ(report.equal.ids, 0);
  EXPECT_EQ(report.equal.visual, report.compared);
  EXPECT_THAT(report.variations, Contains(Pair(HasSubstr("default_system"), ::testing::_)));
  EXPECT_THAT(report.variations.back().first, HasSubstr("apart from"));
  EXPECT_GT(report.variations.back().second.ids, report.compared / 2);
  EXPECT_THAT(report.left_out_there, Contains(Field(&RowFate::what, HasSubstr("deletes the row"))));
}

TEST_F(CheckedHandover, LlavasOwnCodeIsOurTrainingWithItsSystemPrompt) {
  const auto report = check("llava_base", "llava");
  EXPECT_EQ(report.equal.ids, 0);
  ASSERT_FALSE(report.variations.empty());
  EXPECT_GT(report.variations.back().second.ids, report.compared / 2);
  EXPECT_THAT(report.masked, Contains(Field(&RowFate::what, HasSubstr("tokenization mismatch"))));
}

TEST_F(CheckedHandover, RowsOverTheLimitAreListedWithWhatBecomesOfThem) {
  HandoverCheck asked;
  asked.settings.max_length = 100;
  const auto cut = check("qwen3_base", "llamafactory", asked);
  EXPECT_THAT(cut.too_long, Contains(Field(&RowFate::what, HasSubstr("cut to 100, "))));
  const auto deleted = check("qwen3_base", "ms-swift", asked);
  EXPECT_THAT(deleted.too_long, Contains(Field(&RowFate::what, HasSubstr("tokens: deleted"))));
  asked.settings.max_length = 205;
  EXPECT_THAT(check("llava_base", "llava", asked).too_long, Contains(Field(&RowFate::what, HasSubstr("cut to 205, "))));
  asked.settings.max_length = 170;  // among the visual tokens, which are embeddings by then
  const auto embedded = check("llava_base", "llava", asked);
  EXPECT_THAT(embedded.too_long, Not(Contains(Field(&RowFate::what, HasSubstr("training stops")))));
  asked.settings.max_length = 20;
  const auto inside = check("qwen25_base", "llamafactory", asked);
  EXPECT_THAT(inside.too_long, Contains(Field(&RowFate::what, HasSubstr("cut inside its pictures"))));
  asked.rows = 3;
  EXPECT_EQ(check("qwen3_base", "llamafactory", asked).rows, 3);
}

}  // namespace
}  // namespace scalselect::pipeline
