// The whole command in miniature: it writes a folder that loads, and an interruption leaves no trace.
#include "trainer/pretrain/pretrain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "data/mini/lexicon.h"
#include "trainer/pretrain/hf_files.h"
#include "trainer/pretrain/probes.h"
#include "trainer/pretrain/stream.h"
#include "vlm/checkpoint.h"
#include "vlm/image_processor.h"
#include "vlm/tokenizer.h"

namespace scalselect::pretrain {
namespace {

PretrainOptions tiny() {
  PretrainOptions options;
  options.shape = {48, 1, 3, 64, 48, 2, 3, 64};
  for (auto* stage :
       {&options.tower, &options.alignment, &options.facts_plain, &options.facts_noise, &options.facts_choice}) {
    stage->images = 24;
    stage->batch = 8;
  }
  options.whitening_images = 8;
  options.checkpoint_every = 2;
  options.probes_each = 2;
  options.bfloat16 = false;
  return options;
}

class Pretrain : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() /
            (std::string("pretrain_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(root_);
    threads_ = at::get_num_threads();
    at::set_num_threads(1);
  }
  void TearDown() override {
    std::filesystem::remove_all(root_);
    at::set_num_threads(threads_);
  }
  std::filesystem::path root_;
  int threads_ = 1;
};

TEST_F(Pretrain, ResumesBitForBitFromAnyStage) {
  ASSERT_TRUE(pretrain_mini_vlm(root_ / "whole", tiny()));
  // 3 steps per stage: stops inside the first, at the end of the second, inside the last.
  for (const std::int64_t steps : {2, 4, 5}) EXPECT_FALSE(pretrain_mini_vlm(root_ / "parts", tiny(), steps));
  ASSERT_TRUE(pretrain_mini_vlm(root_ / "parts", tiny()));
  EXPECT_EQ(read_file(root_ / "whole/model.safetensors"), read_file(root_ / "parts/model.safetensors"));
  EXPECT_EQ(read_file(root_ / "whole/probes.json"), read_file(root_ / "parts/probes.json"));
  EXPECT_FALSE(std::filesystem::exists(state_file(root_ / "whole")));

  auto model = vlm::load_llava(root_ / "whole");
  EXPECT_EQ(model->config().text.vocab_size, static_cast<std::int64_t>(mini::lexicon().size()));
  EXPECT_EQ(model->config().tokens_per_image(), mini::kPatches);
  const auto processor = vlm::ImageProcessor::load(root_ / "whole");
  const auto tokenizer = vlm::Tokenizer::load(root_ / "whole");
  EXPECT_EQ(tokenizer.eos_id(), 2);
  Image picture{mini::kImageSize, mini::kImageSize, {}};
  for (int i = 0; i < mini::kImageSize * mini::kImageSize * 3; ++i) picture.rgb.push_back(i % 256);
  EXPECT_TRUE(torch::allclose(processor.process(picture), to_pixels({picture})[0], 0, 1e-6));
}

TEST_F(Pretrain, RefusesTheStateOfOtherOptions) {
  EXPECT_FALSE(pretrain_mini_vlm(root_ / "run", tiny(), 1));
  auto other = tiny();
  other.tower.lr = 0.5;
  try {
    pretrain_mini_vlm(root_ / "run", other);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("tower.lr"));
  }
}

TEST_F(Pretrain, StopsWhenTheLossLeavesTheFiniteNumbers) {
  auto options = tiny();
  options.tower.lr = 1e30;
  options.tower.warmup = 0;
  try {
    pretrain_mini_vlm(root_ / "run", options);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDiverged);
    EXPECT_THAT(error.what(), testing::HasSubstr("tower"));
  }
}

TEST_F(Pretrain, TokenizerAgreesWithTheLexicon) {
  std::filesystem::create_directories(root_);
  write_processor_files(root_);
  const auto tokenizer = vlm::Tokenizer::load(root_);
  for (const std::string text : {"USER: <image>\nWhat color is the circle? ASSISTANT: red", "word : lamp .",
                                 "A. topleft B. 7 (yes)/no-3", "unknownword circles, Yes; k"}) {
    std::vector<std::int64_t> expected = {1};
    for (const auto& piece : mini::to_pieces(text)) expected.push_back(*mini::piece_id(piece));
    EXPECT_EQ(tokenizer.encode(text).ids, expected) << text;
  }
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a large red circle").ids), "a large red circle");
  EXPECT_EQ(tokenizer.vocab_size(), static_cast<std::int64_t>(mini::lexicon().size()));
}

TEST(Probes, JsonSaysWhetherTheGateIsPassed) {
  const std::vector<ProbeScore> good = {{mini::FactType::kWord, 10, 9, 0.0}};
  const std::vector<ProbeScore> bad = {{mini::FactType::kWord, 10, 8, 0.0}};
  EXPECT_TRUE(probes_json(good)["passed"].get<bool>());
  EXPECT_FALSE(probes_json(bad)["passed"].get<bool>());
  EXPECT_DOUBLE_EQ(probes_json(bad)["probes"]["word"]["share"].get<double>(), 0.8);
  EXPECT_THAT(probes_table(bad), testing::HasSubstr("below the gate"));
}

}  // namespace
}  // namespace scalselect::pretrain
