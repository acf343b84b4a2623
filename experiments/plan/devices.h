// Graphics cards by name, and how long work takes on them by a stated model: FLOP / (peak * utilisation) where
// arithmetic limits, bytes / (bandwidth * utilisation) where reading weights does. Nothing here is measured but what
// kUtilisation says.
#pragma once

#include <span>
#include <string>

namespace scalselect::plan {

/// Figures of the makers' data sheets; dense, without sparsity.
struct Card {
  const char* name;
  double bf16_tflops, f32_tflops;  ///< float32 without TF32, as LibTorch multiplies by default
  double gb, tb_per_s;             ///< memory (10^9 bytes), bandwidth (10^12 bytes/s)
};
std::span<const Card> cards();

/// Kinds of work that use a card to different degrees.
enum class Work {
  kFirstLayers,  ///< tower and few decoder layers, a sample at a time
  kForward,      ///< through the whole decoder, a sample at a time
  kBackward,     ///< gradients of single samples
  kTraining,     ///< batches, forward and backward
  kAnswering,    ///< prompts in batches; then tokens one by one, limited by bandwidth
};
constexpr int kWorks = 5;

struct Utilisation {
  double share;   ///< of the peak
  bool measured;  ///< else assumed
  const char* basis;
};
const Utilisation& utilisation(Work work);

/// Share of a card's bandwidth that reading weights reaches while tokens are made; assumed.
inline constexpr double kBandwidthShare = 0.5;

/// Hours of one card.
double hours(const Card& card, Work work, bool bf16, double flop, double bytes = 0);

}  // namespace scalselect::plan
