// A training that several processes share: sums in pairs, the same bits for any number of them, and what ends it.
#include "trainer/group.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "tests/message_of.h"
#include "tests/trainer/training_test_util.h"

namespace scalselect::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::chrono::seconds kPatience{60};

bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  return a.nbytes() == b.nbytes() && std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

/// `body` in as many threads as the group has members, each with its own connections.
template <class Body>
void in_group(const TestFolder& folder, int size, const Body& body) {
  std::vector<std::thread> members;
  for (int rank = 0; rank < size; ++rank) {
    members.emplace_back([&, rank] {
      const auto group = meet(folder / "meeting", rank, size, kPatience);
      body(*group);
    });
  }
  for (auto& member : members) member.join();
}

/// Leaves whose sum depends on its order.
std::vector<torch::Tensor> leaves(int count) {
  torch::manual_seed(3);
  std::vector<torch::Tensor> out;
  for (int i = 0; i < count; ++i) out.push_back(torch::randn({1000}) * std::pow(10.0, i % 3));
  return out;
}

TEST(TrainingGroup, SumsAreThoseOfOneTreeForAnyNumberOfProcesses) {
  const TestFolder folder;
  const auto all = leaves(8);
  const auto pair = [&](int i) { return all[i] + all[i + 1]; };
  const auto tree = ((pair(0) + pair(2)) + (pair(4) + pair(6)));
  auto in_turn = all[0].clone();
  for (int i = 1; i < 8; ++i) in_turn += all[i];
  EXPECT_FALSE(same_bits(tree, in_turn)) << "the order must matter for this test to say anything";
  for (const int processes : {1, 2, 4, 8}) {
    std::vector<torch::Tensor> sums(processes);
    in_group(folder, processes, [&](TrainingGroup& group) {
      PairwiseSum own;
      const int each = 8 / processes;
      for (int i = 0; i < each; ++i) own.add(all[group.rank() * each + i].clone());
      auto sum = own.take();
      group.add_up(sum);
      sums[group.rank()] = sum;
    });
    for (const auto& sum : sums) EXPECT_TRUE(same_bits(sum, tree)) << processes << " processes";
  }
}

TEST(TrainingGroup, ShardsTakeEveryNth) {
  const std::vector<std::int64_t> batch = {9, 8, 7, 6, 5};
  EXPECT_THAT(shard_of(batch, 0, 4), ElementsAre(9, 5));
  EXPECT_THAT(shard_of(batch, 3, 4), ElementsAre(6));
  EXPECT_THAT(shard_of(batch, 7, 8), ElementsAre());
}

TrainOptions sharded(int shards) {
  auto options = small_options();
  options.batch_size = 6;
  options.accumulation = 2;
  options.checkpoint_every = 2;
  options.shards = shards;
  return options;
}

/// Lets go of `lock` when the training begins: what comes before draws from torch's one generator, which the threads of
/// this test share.
class OneByOne final : public TrainingGroup {
 public:
  OneByOne(TrainingGroup& group, std::unique_lock<std::mutex>& lock) : group_(group), lock_(lock) {}
  int rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }
  void add_up(torch::Tensor& values) override {
    if (lock_) lock_.unlock();
    group_.add_up(values);
  }

 private:
  TrainingGroup& group_;
  std::unique_lock<std::mutex>& lock_;
};

struct Trained {
  vlm::LlavaModel model = tiny_model();
  TrainResult result;
};

void train_here(Trained& out, const TrainOptions& options, const std::filesystem::path& folder, TrainingGroup* group,
                int rows = 31, const std::function<void(const StepRecord&)>& on_step = {}) {
  const auto set = synthetic_set(rows);
  static std::mutex generator;
  std::unique_lock<std::mutex> lock(generator);
  auto features = synthetic_features(out.model);
  std::optional<OneByOne> members;
  if (group != nullptr) members.emplace(*group, lock);
  out.result = train(out.model, set, features, options, {on_step, false}, folder, members ? &*members : nullptr);
}

void expect_same(Trained& a, Trained& b) {
  ASSERT_EQ(a.result.history.size(), b.result.history.size());
  for (std::size_t i = 0; i < a.result.history.size(); ++i) {
    EXPECT_EQ(a.result.history[i].loss, b.result.history[i].loss) << i;
    EXPECT_EQ(a.result.history[i].grad_norm, b.result.history[i].grad_norm) << i;
    EXPECT_EQ(a.result.history[i].tokens, b.result.history[i].tokens);
  }
  const auto right = b.model->named_parameters();
  for (const auto& item : a.model->named_parameters())
    EXPECT_TRUE(same_bits(item.value().contiguous(), right[item.key()].contiguous())) << item.key();
}

TEST(TrainingGroup, TrainingHasTheSameBitsForAnyNumberOfProcesses) {
  const TestFolder folder;
  Trained alone;
  train_here(alone, sharded(4), {}, nullptr);
  for (const int processes : {2, 4}) {
    std::vector<Trained> all(processes);
    in_group(folder, processes, [&](TrainingGroup& group) {
      train_here(all[group.rank()], sharded(4), folder / fmt::format("of{}", processes), &group);
    });
    for (auto& one : all) expect_same(alone, one);
  }
  Trained whole;
  train_here(whole, sharded(1), {}, nullptr);
  for (std::size_t i = 0; i < whole.result.history.size(); ++i)
    EXPECT_NEAR(whole.result.history[i].loss, alone.result.history[i].loss, 2e-4) << "equal but for rounding";
}

TEST(TrainingGroup, ResumesWithAnotherNumberOfProcesses) {
  const TestFolder folder;
  Trained alone;
  train_here(alone, sharded(4), {}, nullptr);
  EXPECT_THROW(
      {
        Trained killed;
        train_here(killed, sharded(4), folder / "run", nullptr, 31, [](const StepRecord& step) {
          if (step.step == 3) throw std::runtime_error("killed");
        });
      },
      std::runtime_error);
  std::vector<Trained> all(2);
  in_group(folder, 2, [&](TrainingGroup& group) { train_here(all[group.rank()], sharded(4), folder / "run", &group); });
  EXPECT_EQ(all[1].result.resumed_from, 2);
  for (auto& one : all) expect_same(alone, one);
}

TEST(TrainingGroup, AProcessThatEndsEndsTheOthersWithASentence) {
  const TestFolder folder;
  std::string said;
  in_group(folder, 2, [&](TrainingGroup& group) {
    auto values = torch::ones({4});
    group.add_up(values);
    if (group.rank() == 0) said = message_of([&] { group.add_up(values); });
  });
  EXPECT_THAT(said, HasSubstr("Process 1 of the training has ended"));
}

TEST(TrainingGroup, ProcessesWithOtherDataAreRefused) {
  const TestFolder folder;
  std::vector<std::string> said(2);
  in_group(folder, 2, [&](TrainingGroup& group) {
    Trained one;
    said[group.rank()] = message_of([&] { train_here(one, sharded(2), {}, &group, 30 + group.rank()); });
  });
  for (const auto& sentence : said) EXPECT_THAT(sentence, HasSubstr("do not have the same data"));
}

TEST(TrainingGroup, AnEarlierMeetingsFileDoesNotKeepAnybodyApart) {
  const TestFolder folder;
  write_file_atomically(folder / "meeting", R"({"host":"localhost","port":1,"token":"x"})");
  std::thread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto first = meet(folder / "meeting", 0, 2, kPatience);
    auto one = torch::ones({1});
    first->add_up(one);
  });
  const auto second = meet(folder / "meeting", 1, 2, kPatience);
  auto one = torch::ones({1});
  second->add_up(one);
  late.join();
  EXPECT_EQ(one.item<float>(), 2);
}

TEST(TrainingGroup, WhoIsMissingIsTold) {
  const TestFolder folder;
  EXPECT_THAT(message_of([&] { meet(folder / "nowhere", 1, 2, std::chrono::seconds(1)); }),
              HasSubstr("Process 1 waited 1 s for process 0 to begin"));
  EXPECT_THAT(message_of([&] { meet(folder / "meeting", 0, 2, std::chrono::seconds(1)); }),
              HasSubstr("Process 0 waited 1 s for process 1 of 2"));
}

/// As when the same command is started twice.
TEST(TrainingGroup, APlaceIsTakenOnceAndTheOtherWaitsUntilItIsNeedless) {
  const TestFolder folder;
  std::atomic<int> members = 0, needless = 0;
  std::vector<std::thread> processes;
  for (const int rank : {0, 1, 1, 1}) {
    processes.emplace_back([&, rank] {
      const auto group = meet(folder / "meeting", rank, 2, kPatience, {[&] { return members == 2; }, {}});
      if (!group) {
        ++needless;
        return;
      }
      auto one = torch::ones({1});
      group->add_up(one);
      EXPECT_EQ(one.item<float>(), 2);
      ++members;
    });
  }
  for (auto& process : processes) process.join();
  EXPECT_EQ(members, 2);
  EXPECT_EQ(needless, 2);
}

TEST(TrainingGroup, ShardsThatCannotBeAreRefused) {
  EXPECT_THAT(message_of([] { check_shards(6, 1); }), HasSubstr("trainer.shards is 6, which is not a power of two"));
  EXPECT_THAT(message_of([] { check_shards(4, 3); }), HasSubstr("3 processes cannot share trainings of 4 shards"));
  EXPECT_THAT(message_of([] { check_shards(2, 4); }), HasSubstr("4 processes cannot share trainings of 2 shards"));
  const TestFolder folder;
  EXPECT_THAT(message_of([&] { meet(folder / "meeting", 0, 3, kPatience); }), HasSubstr("3 processes cannot train"));
}

}  // namespace
}  // namespace scalselect::trainer
