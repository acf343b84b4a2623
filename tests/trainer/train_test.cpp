// The loop: it learns, counts steps, accumulates, stops on divergence, and resumes bit for bit.
#include "trainer/train.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "tests/message_of.h"
#include "tests/trainer/training_test_util.h"
#include "trainer/bfloat16.h"
#include "trainer/checkpoint.h"
#include "trainer/loss.h"
#include "vlm/safetensors.h"
#include "vlm/sample_threads.h"

namespace scalselect::trainer {
namespace {

struct Run {
  vlm::LlavaModel model;
  TrainResult result;
};

Run run(const TrainOptions& options, int rows = 30, const std::filesystem::path& folder = {},
        const std::function<void(const StepRecord&)>& on_step = {}, int layers = 2) {
  Run run{tiny_model(5, layers), {}};
  const auto set = synthetic_set(rows);
  auto features = synthetic_features(run.model);
  run.result = train(run.model, set, features, options, {on_step, false}, folder);
  return run;
}

/// Every parameter, trained or not, bit for bit.
void expect_equal_weights(vlm::LlavaModel& a, vlm::LlavaModel& b) {
  const auto right = b->named_parameters();
  for (const auto& item : a->named_parameters()) {
    EXPECT_TRUE(torch::equal(item.value(), right[item.key()])) << item.key();
  }
}

TEST(Train, LossFallsAndOnlyChosenParametersMove) {
  auto options = small_options();
  options.epochs = 20;
  options.train_embeddings = false;
  auto done = run(options);
  EXPECT_EQ(done.result.steps, 160);
  EXPECT_LT(done.result.final_loss, 0.6 * done.result.history.front().loss);
  auto before = tiny_model();
  const auto old = before->named_parameters();
  for (const auto& item : done.model->named_parameters()) {
    if (item.key().find("lora_") != std::string::npos) continue;
    const bool full = item.key().find("multi_modal_projector") != std::string::npos || item.key() == "lm_head.weight";
    EXPECT_EQ(torch::equal(item.value(), old[item.key()]), !full) << item.key();
  }
  EXPECT_EQ(done.result.trained.size(), 2u * 7 * 2 + 4 + 1);
  EXPECT_FALSE(done.model->is_training());
}

TEST(Train, StepsByEpochsAndByMaximum) {
  TrainOptions options;
  options.batch_size = 4, options.accumulation = 3, options.epochs = 1.5;
  EXPECT_EQ(total_steps(options, 30), 5);  // 8 batches, 3 steps per epoch
  options.max_steps = 100;
  EXPECT_EQ(total_steps(options, 30), 100);
}

/// Dropout, both precisions, groups that do and do not divide the layers, and embeddings that need no gradient.
TEST(Train, RecomputedActivationsGiveTheSameBits) {
  for (const bool embeddings : {true, false}) {
    for (const auto dtype : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
      auto options = small_options();
      options.train_embeddings = options.train_projector = embeddings;
      options.lora.dropout = embeddings ? 0.2 : 0.0;
      options.dtype = dtype;
      auto kept = run(options, 12, {}, {}, 5);
      for (const int layers : {1, 3, 9}) {
        options.gradient_checkpointing = layers;
        auto again = run(options, 12, {}, {}, 5);
        for (std::size_t i = 0; i < kept.result.history.size(); ++i) {
          EXPECT_EQ(kept.result.history[i].loss, again.result.history[i].loss) << layers << " layers, step " << i;
          EXPECT_EQ(kept.result.history[i].grad_norm, again.result.history[i].grad_norm);
        }
        expect_equal_weights(kept.model, again.model);
      }
    }
  }
}

TEST(Train, MaximumOfStepsCyclesOverTheData) {
  auto options = small_options();
  options.max_steps = 11;
  const auto done = run(options, 12);
  EXPECT_EQ(done.result.steps, 11);
  EXPECT_NEAR(done.result.history.back().epoch, 11.0 / 3.0, 1e-12);
}

TEST(Train, LearningRateFollowsWarmupAndClippingIsReportedBefore) {
  auto options = small_options();
  options.warmup_ratio = 0.25;  // 4 of 16
  options.max_grad_norm = 1e-3;
  const auto done = run(options);
  EXPECT_EQ(done.result.history[0].learning_rate, 0);
  EXPECT_DOUBLE_EQ(done.result.history[2].learning_rate, 0.5e-2);
  EXPECT_DOUBLE_EQ(done.result.history[4].learning_rate, 1e-2);
  EXPECT_GT(done.result.history[0].grad_norm, 0.01);
}

TEST(Train, AccumulationEqualsOneLargeBatch) {
  auto options = small_options();
  options.group_by_length = false;
  options.batch_size = 8;
  auto large = run(options, 32);
  options.batch_size = 2, options.accumulation = 4;
  auto small = run(options, 32);
  ASSERT_EQ(large.result.steps, small.result.steps);
  for (std::size_t i = 0; i < large.result.history.size(); ++i) {
    EXPECT_NEAR(large.result.history[i].loss, small.result.history[i].loss, 2e-4) << i;
    EXPECT_EQ(large.result.history[i].supervised, small.result.history[i].supervised);
  }
}

TEST(Train, SameSeedSameBitsOtherSeedOtherBits) {
  auto options = small_options();
  options.lora.dropout = 0.1;
  auto a = run(options), b = run(options);
  expect_equal_weights(a.model, b.model);
  options.seed = 2;
  EXPECT_NE(run(options).result.final_loss, a.result.final_loss);
}

TEST(Train, TheThreadsOfTheProcessChangeNoBit) {
  auto config = tiny_config();
  config.text.vocab_size = 1200;  // large enough for LibTorch to split sums over it among threads
  auto options = small_options();
  options.max_grad_norm = 1e-3;
  const int before = at::get_num_threads();
  std::vector<double> norms[3];
  torch::Tensor heads[3];
  for (int i = 0; i < 3; ++i) {
    at::set_num_threads(i + 1);
    torch::manual_seed(5);
    vlm::LlavaModel model(config);
    vlm::randomise(model);
    const auto set = synthetic_set(30);
    // As the program makes them: the tower runs with one thread.
    auto features = [&] {
      const vlm::OperatorThreads one;
      return synthetic_features(model);
    }();
    for (const auto& step : train(model, set, features, options, {{}, false}).history) {
      norms[i].push_back(step.grad_norm);
    }
    heads[i] = model->lm_head()->weight.detach().clone();
    EXPECT_EQ(at::get_num_threads(), i + 1);
  }
  at::set_num_threads(before);
  for (int i = 1; i < 3; ++i) {
    EXPECT_EQ(norms[i], norms[0]);
    EXPECT_TRUE(torch::equal(heads[i], heads[0]));
  }
}

struct Killed {};

TEST(Train, ResumeIsBitExactWhereverItStops) {
  auto options = small_options();
  options.lora.dropout = 0.2;  // so that the generator's state matters
  options.accumulation = 2;
  TestFolder folder;
  auto whole = run(options, 30, folder / "whole");
  for (const std::int64_t stop : {1, 3, 5}) {
    const auto where = folder / ("stop" + std::to_string(stop));
    EXPECT_THROW(run(options, 30, where,
                     [&](const StepRecord& r) {
                       if (r.step == stop) throw Killed();
                     }),
                 Killed);
    auto rest = run(options, 30, where);
    EXPECT_EQ(rest.result.resumed_from, stop / 3 * 3);
    EXPECT_EQ(rest.result.history.size(), whole.result.history.size());
    expect_equal_weights(whole.model, rest.model);
    EXPECT_EQ(read_file(state_file(where)), read_file(state_file(folder / "whole"))) << "stopped at " << stop;
  }
}

TEST(Train, FinishedCheckpointIsTakenAsItIs) {
  TestFolder folder;
  auto first = run(small_options(), 30, folder / "state");
  auto again = run(small_options(), 30, folder / "state");
  EXPECT_EQ(again.result.resumed_from, again.result.steps);
  expect_equal_weights(first.model, again.model);
}

TEST(Train, CheckpointOfOtherOptionsOrDataIsRefused) {
  TestFolder folder;
  run(small_options(), 30, folder / "state");
  auto other = small_options();
  other.learning_rate = 1e-3;
  try {
    run(other, 30, folder / "state");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("learning_rate"));
  }
  EXPECT_THROW(run(small_options(), 29, folder / "state"), UserError);
  other = small_options();
  other.checkpoint_every = 1;  // changes nothing in the result
  EXPECT_NO_THROW(run(other, 30, folder / "state"));
}

TEST(Train, ADamagedCheckpointIsNamedWhateverItLacks) {
  TestFolder folder;
  const auto file = state_file(folder / "state");
  run(small_options(), 30, folder / "state");
  const vlm::SafetensorsFile whole(file);
  const auto facts = whole.metadata();
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& name : whole.names()) tensors.emplace_back(name, whole.tensor(name).clone());
  const auto message_with = [&](const auto& tensors, const auto& facts) -> std::string {
    vlm::write_safetensors(file, tensors, facts);
    return message_of([&] { run(small_options(), 30, folder / "state"); });
  };
  EXPECT_EQ(message_with(tensors, facts), "nothing was thrown");
  for (std::size_t i = 0; i < tensors.size(); i += 7) {
    auto fewer = tensors, other = tensors;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(message_with(fewer, facts),
                testing::AllOf(testing::HasSubstr(file.string()), testing::HasSubstr("'" + tensors[i].first + "'")));
    other[i].second = torch::zeros({2, 3, 5});
    EXPECT_THAT(message_with(other, facts), testing::HasSubstr("another shape or type"));
  }
  for (const char* name : {"history", "random", "weights.lm_head.weight"}) {
    auto fewer = tensors;
    std::erase_if(fewer, [&](const auto& entry) { return entry.first == name; });
    EXPECT_THAT(message_with(fewer, facts), testing::HasSubstr(std::string("lacks the tensor '") + name + "'"));
  }
  for (const char* name : {"step", "epoch", "batch"}) {
    for (const char* value : {"", "-1", "many", "99999999999999999999", "123456789"}) {
      auto changed = facts;
      changed[name] = value;
      EXPECT_THAT(message_with(tensors, changed), testing::HasSubstr(std::string("has no '") + name + "'")) << value;
    }
  }
}

TEST(Train, DivergedLossNamesStepAndKeepsTheCheckpoint) {
  TestFolder folder;
  vlm::LlavaModel model = tiny_model();
  const auto set = synthetic_set(30);
  auto features = synthetic_features(model);
  const auto poison = [&](const StepRecord& record) {
    torch::NoGradGuard no_grad;
    if (record.step == 4) model->lm_head()->weight.fill_(std::numeric_limits<float>::quiet_NaN());
  };
  try {
    train(model, set, features, small_options(), {poison, false}, folder / "state");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDiverged);
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("step 5"), testing::HasSubstr("checkpoint of step 3"),
                                             testing::HasSubstr("learning_rate")));
  }
  EXPECT_EQ(run(small_options(), 30, folder / "state").result.resumed_from, 3);
}

TEST(Train, BFloat16StaysNearFloat32) {
  auto options = small_options();
  const auto wide = run(options);
  options.dtype = ComputeType::kBFloat16;
  const auto narrow = run(options);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(narrow.result.history[i].loss, wide.result.history[i].loss, 0.05 * wide.result.history[i].loss);
  }
}

TEST(BFloat16Products, ActOnTheirDeviceAlone) {
  using at::autocast::is_autocast_enabled;
  for (const auto type : {at::kCPU, at::kCUDA}) {
    const BFloat16Products products(true, torch::Device(type, type == at::kCUDA ? 0 : -1));
    EXPECT_EQ(is_autocast_enabled(at::kCPU), type == at::kCPU);
    EXPECT_EQ(is_autocast_enabled(at::kCUDA), type == at::kCUDA);
    EXPECT_EQ(at::autocast::get_autocast_dtype(type), at::kBFloat16);
  }
  EXPECT_FALSE(is_autocast_enabled(at::kCPU) || is_autocast_enabled(at::kCUDA));
}

/// Mixed precision rounds a frozen weight whenever it multiplies; rounding it once is the same to the last bit.
TEST(Train, FrozenWeightsHeldInBFloat16GiveTheSameLoss) {
  auto model = tiny_model();
  for (auto& parameter : model->parameters()) parameter.requires_grad_(false);
  auto& q = model->decoder()->layer(0)->self_attn->q_proj;
  auto& k = model->decoder()->layer(0)->self_attn->k_proj;
  q->attach_lora(2, 1.0, 0.0);
  const auto set = synthetic_set(6);
  const std::vector<std::int64_t> indices = {0, 1, 2, 3, 4, 5};
  const auto batch = collate(set, indices, 0);
  auto features = synthetic_features(model);
  const auto loss = [&] {
    const torch::NoGradGuard no_grad;
    const BFloat16Products products(true, torch::kCPU);
    return loss_sum(model, batch, features.fetch(batch.images)).item<float>();
  };
  const auto before = loss();
  round_frozen_weights(model->decoder());
  EXPECT_EQ(loss(), before);
  EXPECT_EQ(k->weight.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(q->weight.scalar_type(), torch::kFloat32) << "its branch is fused into it";
  EXPECT_EQ(model->decoder()->embed_tokens->weight.scalar_type(), torch::kFloat32);
}

TEST(Train, WeightsRoundedAsTheyAreReadAreThoseRoundedLater) {
  TestFolder folder;
  vlm::save_llava(folder / "model", tiny_model(), torch::kHalf);
  auto later = vlm::load_llava(folder / "model");
  round_frozen_weights(later->decoder());
  vlm::LoadOptions options;
  options.block_dtype = [](at::IntArrayRef) { return torch::kBFloat16; };
  const auto read = vlm::load_llava(folder / "model", options);
  int rounded = 0;
  const auto expected = later->named_parameters();
  for (const auto& item : read->named_parameters()) {
    const auto& other = expected[item.key()];
    EXPECT_EQ(item.value().scalar_type(), other.scalar_type()) << item.key();
    EXPECT_TRUE(torch::equal(item.value(), other)) << item.key();
    rounded += item.value().scalar_type() == torch::kBFloat16 ? 1 : 0;
  }
  EXPECT_EQ(rounded, 7 * later->text().num_hidden_layers);
}

TEST(Train, OnTheCpuSmallWeightsAreReadAsTheyAreSinceBranchesAreFusedIntoThem) {
  TrainOptions options;
  EXPECT_FALSE(load_for_training(options).block_dtype) << "float32 needs nothing else";
  options.dtype = ComputeType::kBFloat16;
  const auto load = load_for_training(options);
  EXPECT_EQ(load.block_dtype({64, 64}), torch::kFloat32);
  EXPECT_EQ(load.block_dtype({4096, 11008}), torch::kBFloat16);
}

TEST(Train, ModulesTrainedInFullAloneMakeAnAdapterThatLoads) {
  auto options = small_options();
  options.lora.r = 0;
  options.max_steps = 2;
  auto done = run(options);
  const auto folder = std::filesystem::path(::testing::TempDir()) / "no_branches";
  vlm::save_adapter(folder, done.model, adapter_spec(options, done.model, "base"));
  auto loaded = tiny_model();
  vlm::load_adapter(folder, loaded);
  expect_equal_weights(loaded, done.model);
}

TEST(Train, NothingToTrainIsRefused) {
  auto options = small_options();
  options.lora.r = 0;
  options.train_projector = options.train_embeddings = options.train_head = false;
  EXPECT_THROW(run(options), UserError);
  options.lora.r = 4;
  options.lora.target_pattern = ".*no_such_layer";
  EXPECT_THROW(run(options), UserError);
}

}  // namespace
}  // namespace scalselect::trainer
