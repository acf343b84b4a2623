#include "experiments/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace scalselect::plan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// LLaVA-1.5-7B, of whose tower 23 of 24 blocks are used.
ModelShape llava7b() {
  ModelShape shape;
  shape.name = "llava";
  shape.decoder = {32, 4096, 32, 32, 128, 11008, 32064, false};
  shape.tower = {23, 1024, 4096, false, 3 * 14 * 14, 1, 1, 577};
  shape.projector_weights = 1024 * 4096 + 4096 + 4096 * 4096 + 4096;
  shape.tokens_per_image = 576;
  return shape;
}

ModelShape qwen3vl(std::int64_t hidden, std::int64_t intermediate, std::int64_t vision, std::int64_t vision_mlp,
                   std::int64_t depth, bool tied) {
  ModelShape shape;
  shape.name = "qwen3_vl";
  shape.decoder = {36, hidden, 32, 8, 128, intermediate, 151936, tied};
  shape.tower = {depth, vision, vision_mlp, false, 3 * 2 * 16 * 16, 4, 0, 2304};
  const auto merged = 4 * vision;
  shape.projector_weights = 4 * (merged * merged + merged + merged * hidden + hidden);
  return shape;
}

bool all_linears(const std::string&) { return true; }

constexpr double kGiga = 1e9;

TEST(PlanShape, WeightsOfLlava) {
  const auto shape = llava7b();
  EXPECT_EQ(layer_weights(shape.decoder), 202375168) << "4 * 4096^2 + 3 * 4096 * 11008";
  EXPECT_EQ(all_weights(shape), 32 * 202375168LL + 2 * 131334144LL + 290600960LL + 20979712LL);
  EXPECT_EQ(shape.projector_weights, 20979712);
  EXPECT_EQ(lora_weights(shape.decoder, 128, all_linears), 319815680) << "what PEFT counts at rank 128";
  const auto attention = [](const std::string& name) { return name.find("self_attn") != std::string::npos; };
  EXPECT_EQ(lora_weights(shape.decoder, 128, attention), 32 * 128 * 4 * 8192);
  EXPECT_EQ(lora_weights(shape.decoder, 128, [](const auto& name) { return name.ends_with("layers.31.mlp.up_proj"); }),
            128 * (4096 + 11008));
}

// The cost model that was worked out beside the sources of transformers: GFLOP, rounded to what is printed there.
TEST(PlanShape, FlopOfLlava) {
  const auto shape = llava7b();
  EXPECT_NEAR(tower_flop(shape.tower, 576) / kGiga, 366.0, .05);
  EXPECT_NEAR(projector_flop(shape, 576) / kGiga, 24.2, .05);
  EXPECT_NEAR(layers_flop(shape.decoder, 1, 576 + 60) / kGiga, 264.1, .1);
  EXPECT_NEAR(attention_flop(shape.decoder, 1, 576 + 60) / kGiga, 6.6, .05);
  EXPECT_NEAR(layers_flop(shape.decoder, 1, 576 + 130) / kGiga, 293.9, .05);
  EXPECT_NEAR(layers_flop(shape.decoder, 32, 576 + 130) / kGiga, 9405, .5);
  EXPECT_NEAR(head_flop(shape.decoder, 576 + 130) / kGiga, 185, .5);
}

TEST(PlanShape, FlopOfQwen) {
  const auto small = qwen3vl(2560, 9728, 1024, 4096, 24, true), large = qwen3vl(4096, 12288, 1152, 4304, 27, false);
  const double merger = 42.0 / 3;  // of each of four
  EXPECT_NEAR((tower_flop(small.tower, 256) + projector_flop(small, 256)) / kGiga, 722 + 17 + 42, 1.5);
  EXPECT_NEAR(projector_flop(small, 256) / kGiga, 4 * merger, .5);
  EXPECT_NEAR((tower_flop(small.tower, 576) + projector_flop(small, 576)) / kGiga, 1913 + 39 + 94, 1.5);
  EXPECT_NEAR(layers_flop(small.decoder, 1, 256 + 132) / kGiga, 81, .5);
  EXPECT_NEAR(layers_flop(small.decoder, 36, 400 + 132) / kGiga, 4033, .5);
  EXPECT_NEAR((tower_flop(large.tower, 400) + projector_flop(large, 400)) / kGiga, 1634 + 38 + 96, 1.5);
  EXPECT_NEAR(layers_flop(large.decoder, 36, 576 + 132) / kGiga, 10131, .5);
  EXPECT_NEAR(head_flop(large.decoder, 576 + 132) / kGiga, 881, .5);
  EXPECT_NEAR(static_cast<double>(all_weights(small)) / kGiga, 4.4, .1);
  EXPECT_NEAR(static_cast<double>(all_weights(large)) / kGiga, 8.8, .1);
}

constexpr RowShape kRow = {130, 60, 1, 576};

TEST(PlanWork, DepthOfAPass) {
  const auto decoder = llava7b().decoder;
  SignalRequest request;
  EXPECT_EQ(depth_of(request, decoder), 0);
  request.early = {{1, 1, TokenRoles::kStrict, true}};
  EXPECT_EQ(depth_of(request, decoder), 1);
  request.hidden_means = {{16}, {4}};
  EXPECT_EQ(depth_of(request, decoder), 16);
  request.hidden_means.push_back({-1});
  EXPECT_EQ(depth_of(request, decoder), 32);
  EXPECT_EQ(depth_of({.answer_loss = true}, decoder), 32);
}

TEST(PlanWork, ForwardPasses) {
  const auto shape = llava7b();
  SignalRequest early;
  early.early = {{1, 1, TokenRoles::kStrict, true}};
  EXPECT_NEAR(forward_flop(shape, kRow, early) / kGiga, 684, .5) << "tower, projector and first layer";
  EXPECT_EQ(forward_flop(shape, kRow, {.token_counts = true}), 0);
  EXPECT_NEAR(forward_flop(shape, kRow, {.tower_mean = true}) / kGiga, 366, .05);
  const double whole = 366.0 + 24.2 + 9405;
  EXPECT_NEAR(forward_flop(shape, kRow, {.answer_loss = true}) / kGiga, whole + 2 * 60 * .131334144, 1);
  RowShape text = kRow;
  text.pictures = 0;
  EXPECT_NEAR(forward_flop(shape, text, {.answer_loss = true}) / kGiga,
              32 * (2 * 130 * .202375168 + 4e-9 * 130 * 130 * 4096) + 2 * 60 * .131334144, 1e-3);
}

// By hand, in GFLOP: 32 layers of 2 * 706 * 202,375,168, twice; attention 32 * 4 * 706^2 * 4096, three times; branches
// 2 * 706 * 319,815,680, three times; projector 24.1686, three times; head 2 * 60 * 131,334,144, twice.
TEST(PlanWork, TrainingOfLlavaByHand) {
  const auto shape = llava7b();
  const Trained trained{319815680, true, false, false};
  EXPECT_EQ(trained_weights(shape, trained), 319815680 + 20979712);
  const double by_hand = 2 * 9144.1196 + 3 * 261.3239 + 3 * 451.5797 + 3 * 24.1686 + 2 * 15.7601;
  EXPECT_NEAR(training_flop(shape, kRow, trained) / kGiga, by_hand, .01);
  // An epoch of 624,610 rows with the tower's 366 GFLOP each, on one H100 at 35 % of 989 TFLOP/s: 10.4 hours.
  const double epoch = 624610 * (by_hand + 366.0) * kGiga;
  EXPECT_NEAR(hours({"H100", 989, 67, 80, 3.35}, Work::kTraining, true, epoch), epoch / (.35 * 989e12) / 3600, 1e-9);
  EXPECT_NEAR(epoch / (.35 * 989e12) / 3600, 10.48, .05);
  EXPECT_EQ(trained_weights(shape, {0, false, true, true}), 2 * 131334144);
  auto tied = shape;
  tied.decoder.tied = true;
  EXPECT_EQ(trained_weights(tied, {0, false, true, true}), 131334144);
}

TEST(PlanWork, TrainingMemory) {
  const auto shape = llava7b();
  const Trained trained{319815680, true, false, false};
  const auto memory = training_memory(shape, kRow, trained, 16);
  EXPECT_NEAR(memory.weights / 1e9, 4 * (7.050254 + .319816), 1e-3) << "float32, the frozen ones too";
  EXPECT_NEAR(memory.optimiser / 1e9, 12 * .340795, 1e-3);
  const double channels = 2 * (4 * 4096 + 2 * 4096 + 4 * 11008) + 16 * 4096;
  const double states = 4 * 16 * 60 * 4096;
  EXPECT_NEAR(memory.activations, 16 * 706 * 32 * channels + 4 * 256 * 32064 + states, 1);
  const double alone = training_memory(shape, kRow, trained, 1).activations;
  EXPECT_NEAR(alone, 706 * 32 * channels + 60 * (4 * 32064 + 4 * 4096), 1) << "fewer answers than rows at a time";
  const TrainingWay way{true, 1};
  const auto small = training_memory(shape, kRow, trained, 16, way);
  EXPECT_NEAR(small.weights / 1e9, memory.weights / 1e9 - 2 * 32 * .202375168, 1e-3) << "layers in bfloat16";
  EXPECT_NEAR(small.activations, 16 * 706 * (32 * 4 * 4096 + channels) + 6 * 256 * 32064 + states, 1);
  const auto quantised = training_memory(shape, kRow, trained, 16, {true, 1, true});
  const double matrix = 2e-9 * 4096 * 11008;
  EXPECT_NEAR(quantised.weights / 1e9, small.weights / 1e9 - 32 * .202375168 * (2 - 4.126953 / 8) + matrix, 1e-3)
      << "a code, 1/64 of a scale, 1/16384 of a float; and a matrix in bfloat16";
  EXPECT_EQ(quantised.activations, small.activations);
  const double whole = training_flop(shape, kRow, trained);
  EXPECT_NEAR((training_flop(shape, kRow, trained, way) - whole) / kGiga, 9144.1196 + 261.3239, .01);
}

TEST(PlanWork, Answers) {
  const auto shape = llava7b();
  const RowShape prompt{60, 0, 1, 576};
  const double none = answer_flop(shape, prompt, 0);
  EXPECT_NEAR(none / kGiga, 366.0 + 24.2 + 8450, 1);
  EXPECT_NEAR((answer_flop(shape, prompt, 10) - none) / kGiga, 10 * 2 * (6.476005 + .131334), .01);
  EXPECT_NEAR(bytes_per_token(shape, 2) / 1e9, 2 * (6.476005 + .131334), 1e-3);
}

TEST(PlanDevices, HoursOfTokensAreThoseOfReadingWeights) {
  const Card card{"card", 100, 10, 24, 2};
  EXPECT_NEAR(hours(card, Work::kAnswering, true, 0, 3.6e15), 3.6e15 / (2e12 * kBandwidthShare) / 3600, 1e-12);
  EXPECT_NEAR(hours(card, Work::kTraining, false, 3.6e16), 10 * hours(card, Work::kTraining, true, 3.6e16), 1e-9)
      << "float32 at its own peak";
  for (const auto& each : cards()) EXPECT_LT(each.f32_tflops, each.bf16_tflops) << each.name;
}

TEST(PlanQuestion, ColumnsOfThePaper) {
  const auto mmbench = guess_column("mmbench", "en", "accuracy", 0, .12);
  ASSERT_TRUE(mmbench);
  EXPECT_NEAR(mmbench->noise.standard_error, 100 * std::sqrt(.12 / 1164), 1e-9);
  EXPECT_NEAR(guess_column("mmbench", "en", "accuracy", 100, .12)->noise.standard_error, 100 * std::sqrt(.12 / 100),
              1e-9);
  // In a simulation of two equal models the ratio's standard deviation was 7.5 points at psi = .12.
  const auto cognition = guess_column("mme", "en", "cognition", 0, .12)->noise;
  EXPECT_NEAR(100 * cognition.standard_error / cognition.full, 7.5, 1);
  EXPECT_EQ(guess_column("mme", "en", "posters", 0, .12), std::nullopt);
  EXPECT_EQ(guess_column("nothing", "en", "accuracy", 0, .12), std::nullopt);
  // All nine: 0.97 in the same simulation.
  std::vector<eval::ColumnNoise> nine;
  for (const auto& [kind, language, metric] : {std::tuple{"mmbench", "en", "accuracy"},
                                               {"mmbench", "cn", "accuracy"},
                                               {"mme", "en", "perception"},
                                               {"mme", "en", "cognition"},
                                               {"ai2d", "en", "accuracy"},
                                               {"pope", "en", "adversarial_f1"},
                                               {"pope", "en", "popular_f1"},
                                               {"scienceqa", "en", "accuracy"},
                                               {"ocrbench", "en", "accuracy"}})
    nine.push_back(guess_column(kind, language, metric, 0, .12)->noise);
  EXPECT_NEAR(eval::relative_standard_error(nine), .97, .1);
}

std::string lines_of(const Question& question) {
  std::ostringstream text;
  for (const auto& line : question_lines(question)) text << line << "\n";
  return text.str();
}

TEST(PlanQuestion, SaysWhatCanBeSeen) {
  Question question;
  question.basis = "made up.";
  question.noise = {.3, 1};
  question.seeds = 3;
  question.methods = 7;
  question.headroom = 4.34;
  question.headroom_basis = "published";
  question.reported = {{"scalselect", 2.19}};
  const auto text = lines_of(question);
  EXPECT_THAT(text, HasSubstr("its standard error is 1.0 points: 1.0 from the sample of questions, 0.3 from a seed's"));
  EXPECT_THAT(text, HasSubstr("full - random is 4.3 points, 4.3 standard errors (published)"));
  EXPECT_THAT(text, HasSubstr("differences from 2.8 points on; from 3.6 on where Holm's correction over 7 methods"));
  EXPECT_THAT(text,
              HasSubstr("scalselect - random is reported as 2.2 points: this experiment would see that with 58 %"));
  EXPECT_THAT(text, HasSubstr("more than any number of seeds: the questions are too few"));
  EXPECT_THAT(text, HasSubstr("times as many questions of the same kind"));
}

TEST(PlanQuestion, OneSeedAndQuietQuestions) {
  Question question;
  question.noise = {.4, .1};
  question.methods = 1;
  const auto text = lines_of(question);
  EXPECT_THAT(text, HasSubstr("one seed cannot estimate the latter"));
  EXPECT_THAT(text, Not(HasSubstr("Holm")));
  EXPECT_THAT(text, HasSubstr("80 % power for it takes 4 seeds"));
}

TEST(PlanQuestion, NoiseOfNothingSaysNothing) {
  Question question;
  question.headroom = 0;
  EXPECT_THAT(lines_of(question), HasSubstr("Nothing follows from that."));
  EXPECT_THAT(lines_of(question), Not(HasSubstr("Headroom")));
}

Plan small_plan() {
  Plan plan;
  plan.experiment = "mine";
  plan.overview = "2 runs";
  plan.checks = {{Check::State::kOk, "model", "there"}, {Check::State::kMissing, "pool", "There is no pool."}};
  plan.sizes = {"Model: small."};
  plan.stages = {{"training", 2, "2 runs", 2000, 1.5e6, 3e18, 0, Work::kTraining, true, true, 2e9},
                 {"selection", 1, "", 10, 0, 0, 0, Work::kForward, false, false, 1e3}};
  plan.memory = {{"training", 50e9}};
  return plan;
}

TEST(PlanText, SaysWhatIsMissingAndWhatItCosts) {
  const auto plan = small_plan();
  EXPECT_FALSE(plan.ready());
  EXPECT_EQ(plan.disk(), 2e9 + 1e3);
  const auto text = plan_text(plan);
  EXPECT_THAT(text, HasSubstr("MISSING  pool         There is no pool."));
  EXPECT_THAT(text, HasSubstr("Not ready: 1 of 2 checks failed."));
  EXPECT_THAT(text, HasSubstr("3.00e+18"));
  EXPECT_THAT(text, HasSubstr("training: 50.0 GB, fits H200, H100 SXM, A100 80GB"));
  EXPECT_THAT(text, Not(HasSubstr("RTX 4090, ")));
  EXPECT_THAT(text, HasSubstr("training: 35.0 % of the card's peak, assumed"));
  EXPECT_NEAR(plan.hours_on(cards()[1]), 3e18 / (.35 * 989e12) / 3600, 1e-9) << "the selection takes no card";
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120U) << line;
  auto ready = plan;
  ready.checks.pop_back();
  EXPECT_THAT(plan_text(ready), HasSubstr("Ready to run."));
}

}  // namespace
}  // namespace scalselect::plan
