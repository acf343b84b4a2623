// A packed fact must be what it is alone: same positions, same view, same logits.
#include "trainer/pretrain/packing.h"

#include <gtest/gtest.h>

#include "data/mini/lexicon.h"
#include "trainer/pretrain/facts_stage.h"
#include "trainer/pretrain/mini_model.h"
#include "trainer/pretrain/stream.h"

namespace scalselect::pretrain {
namespace {

mini::Fact fact(std::vector<std::string> pieces, std::vector<std::uint8_t> values) {
  return {mini::FactType::kShapeColor, std::move(pieces), std::move(values), 0};
}

std::vector<mini::Fact> three_facts() {
  return {fact({"circle", "color", ":", "red", "."}, {0, 0, 0, 1, 0}),
          fact({"square", ":", "blue", "large", "."}, {0, 0, 1, 1, 0}),
          fact({"word", ":", "l", "##a", "##m", "##p", "."}, {0, 0, 1, 1, 1, 1, 1})};
}

torch::Tensor logits_of(vlm::LlavaModel& model, const torch::Tensor& features, const std::vector<mini::Fact>& facts) {
  return fact_logits(model, features, collate({pack_facts(facts, 100)}));
}

TEST(Packing, PositionsRestartAfterThePrefix) {
  const auto packed = pack_facts(three_facts(), 100);
  const std::vector<std::int64_t> positions = {37, 38, 39, 40, 41, 37, 38, 39, 40, 41, 37, 38, 39, 40, 41, 42, 43};
  const std::vector<std::int64_t> segments = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2};
  EXPECT_EQ(packed.positions, positions);
  EXPECT_EQ(packed.segments, segments);
}

TEST(Packing, SkipsWhatDoesNotFit) {
  const auto packed = pack_facts({three_facts()[2], three_facts()[0], three_facts()[1]}, 12);
  EXPECT_EQ(packed.types.size(), 2u);
  EXPECT_EQ(packed.ids.size(), 12u);
  EXPECT_EQ(packed.ids[7], *mini::piece_id("circle"));
}

TEST(Packing, AFactSeesThePrefixAndItself) {
  const auto batch = collate({pack_facts(three_facts(), 100), pack_facts({three_facts()[0]}, 100)});
  const auto mask = batch.mask;
  ASSERT_EQ(mask.sizes(), (torch::IntArrayRef{2, 1, 54, 54}));
  const auto sees = [&](int row, int query, int key) { return mask[row][0][query][key].item<bool>(); };
  EXPECT_TRUE(sees(0, 42, 0));
  EXPECT_TRUE(sees(0, 42, 36));
  EXPECT_TRUE(sees(0, 43, 42));
  EXPECT_FALSE(sees(0, 42, 43));                   // later
  EXPECT_FALSE(sees(0, 42, 41));                   // of the fact before
  EXPECT_FALSE(sees(0, 10, 11));                   // the picture itself is causal
  EXPECT_TRUE(mask[1][0][53].any().item<bool>());  // a padding row can attend to something, so it stays finite
}

TEST(Packing, APackedFactHasTheLogitsOfTheFactAlone) {
  MiniShape shape;
  shape.tower_hidden = shape.text_hidden = 48;
  shape.tower_layers = shape.text_layers = 2;
  vlm::LlavaModel model(mini_config(shape));
  initialise(model, 3);
  match_attention(model);
  torch::NoGradGuard no_grad;
  const auto features = model->encode_images(draw_pictures(3, "test", 0, 1).pixels);
  const auto together = logits_of(model, features, three_facts());
  std::vector<torch::Tensor> alone;
  for (const auto& one : three_facts()) alone.push_back(logits_of(model, features, {one}));
  EXPECT_TRUE(torch::allclose(together, torch::cat(alone), 1e-4, 1e-4));
  EXPECT_GT(together.std().item<double>(), 0.1);
}

TEST(Packing, DrawnFactsAreTheSameWhateverCameBefore) {
  const auto both = draw_pictures(5, "test", 10, 2), second = draw_pictures(5, "test", 11, 1);
  EXPECT_TRUE(torch::equal(both.pixels[1], second.pixels[0]));
  const PackingOptions options{12, 100, 0.5, FactWeights::kLate};
  const auto late = draw_facts(second.scenes, 5, "test", 11, options);
  const auto again = draw_facts({both.scenes[1]}, 5, "test", 11, options);
  EXPECT_TRUE(torch::equal(late.ids, again.ids));
  EXPECT_TRUE(torch::equal(late.targets, again.targets));
}

}  // namespace
}  // namespace scalselect::pretrain
