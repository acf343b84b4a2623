// Pictures, samples and requests for tests of probes, and how signals are compared.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/probes.h"
#include "core/rng.h"
#include "data/image.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/probe.h"

namespace scalselect::vlm {

/// A few pictures in a folder of their own.
class Pictures {
 public:
  Pictures() : folder_(std::filesystem::temp_directory_path() / ("scalselect_probe_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    Rng rng(3, "test/pictures");
    for (int i = 0; i < 3; ++i) {
      Image image{30, 24, std::vector<std::uint8_t>(30 * 24 * 3)};
      for (auto& value : image.rgb) value = static_cast<std::uint8_t>(rng.below(256));
      write_png(path(i), image);
    }
  }
  ~Pictures() { std::filesystem::remove_all(folder_); }
  std::string path(int i) const { return (folder_ / (std::to_string(i) + ".png")).string(); }
  std::string broken() const {
    const auto file = folder_ / "broken.png";
    const Image image{8, 8, std::vector<std::uint8_t>(8 * 8 * 3, 7)};
    write_png(file, image);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    return file.string();
  }

 private:
  std::filesystem::path folder_;
};

inline Sample sample(std::int64_t row, std::vector<std::string> images, std::vector<std::string> texts) {
  Sample out;
  out.row = row;
  out.images = std::move(images);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out.turns.push_back({i % 2 == 0 ? Role::kUser : Role::kAssistant, std::move(texts[i])});
  }
  return out;
}

inline std::vector<Sample> pool(const Pictures& p) {
  return {sample(0, {p.path(0)}, {"<image>\nWhat is this?", "A cat."}),
          sample(1, {p.path(1)}, {"Who is there?\n<image>", "No one, it seems.", "Sure?", "Yes"}),
          sample(2, {p.path(0)}, {"<image>\nWhich colour?", "Red"}),
          sample(3, {p.path(0), p.path(2)}, {"<image>\n<image>\nCompare the two.", "They differ."}),
          sample(4, {p.path(2)}, {"<image>A?", "A"}),
          sample(5, {p.path(1)}, {"<image>\nIs <pad> a token?", "Yes it is."})};
}

struct Signals {
  std::vector<std::vector<float>> hidden, attention, means;
  std::vector<float> tower;
  AnswerLoss loss, lone;
  TokenCounts counts;
  std::string reject;
  bool operator==(const Signals& o) const {
    return hidden == o.hidden && attention == o.attention && means == o.means && tower == o.tower &&
           loss.turn_sums == o.loss.turn_sums && loss.error_norms == o.loss.error_norms &&
           lone.turn_sums == o.lone.turn_sums && reject == o.reject;
  }
};

inline std::vector<Signals> observe(FeatureProbe& probe, std::span<const Sample> samples,
                                    const SignalRequest& request) {
  std::vector<Signals> all;
  probe.observe(samples, request, [&](const SampleSignals& signals) {
    Signals seen;
    for (const auto& early : signals.early) {
      seen.hidden.emplace_back(early.hidden.data, early.hidden.data + early.hidden.rows * early.hidden.cols);
      seen.attention.emplace_back(early.attention.begin(), early.attention.end());
    }
    seen.means = signals.hidden_means;
    seen.tower = signals.tower_mean;
    if (signals.loss) seen.loss = *signals.loss;
    if (signals.lone_loss) seen.lone = *signals.lone_loss;
    if (signals.counts) seen.counts = *signals.counts;
    seen.reject = signals.reject;
    all.push_back(std::move(seen));
  });
  return all;
}

inline SignalRequest everything() {
  SignalRequest request;
  request.early = {{1, 1, TokenRoles::kStrict},
                   {1, 1, TokenRoles::kCompat},
                   {2, 1, TokenRoles::kStrict},
                   {1, 3, TokenRoles::kStrict},
                   {-1, 2, TokenRoles::kStrict}};
  request.hidden_means = {{-1, TokenSet::kAll, TokenWeights::kPosition},
                          {1, TokenSet::kText, TokenWeights::kUniform},
                          {2, TokenSet::kVisual, TokenWeights::kUniform},
                          {0, TokenSet::kUser, TokenWeights::kUniform},
                          {3, TokenSet::kAssistant, TokenWeights::kUniform},
                          {2, TokenSet::kVisual, TokenWeights::kUniform, LayerState::kAttention},
                          {3, TokenSet::kAfterImages, TokenWeights::kUniform, LayerState::kAttention}};
  request.tower_mean = request.answer_loss = request.lone_loss = request.token_counts = true;
  return request;
}

inline SignalRequest only_early(int hidden, int attention, TokenRoles roles) {
  SignalRequest request;
  request.early = {{hidden, attention, roles}};
  return request;
}

inline void expect_close(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  double scale = 0, worst = 0;
  for (const float value : b) scale = std::max(scale, std::abs(static_cast<double>(value)));
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
  EXPECT_LE(worst, 1e-5 * scale);
}

inline void expect_close(const Signals& a, const Signals& b) {
  EXPECT_EQ(a.reject, b.reject);
  ASSERT_EQ(a.hidden.size(), b.hidden.size());
  for (std::size_t i = 0; i < a.hidden.size(); ++i) expect_close(a.hidden[i], b.hidden[i]);
  for (std::size_t i = 0; i < a.attention.size(); ++i) expect_close(a.attention[i], b.attention[i]);
  ASSERT_EQ(a.means.size(), b.means.size());
  for (std::size_t i = 0; i < a.means.size(); ++i) expect_close(a.means[i], b.means[i]);
  expect_close(a.tower, b.tower);
  EXPECT_NEAR(a.loss.sum, b.loss.sum, 1e-5 * (1 + std::abs(b.loss.sum)));
  EXPECT_NEAR(a.loss.error_norms, b.loss.error_norms, 1e-5 * (1 + b.loss.error_norms));
  EXPECT_NEAR(a.lone.sum, b.lone.sum, 1e-5 * (1 + std::abs(b.lone.sum)));
  EXPECT_EQ(a.lone.turn_tokens, b.lone.turn_tokens);
  EXPECT_EQ(a.loss.turn_tokens, b.loss.turn_tokens);
}

/// Image sizes as the folder's own file bounds them: tiny.
inline ProbeOptions own_sizes(bool plain = false) {
  ProbeOptions options;
  options.plain = plain;
  options.pixels = {};
  return options;
}

}  // namespace scalselect::vlm
