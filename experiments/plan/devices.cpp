#include "experiments/plan/devices.h"

#include <array>

namespace scalselect::plan {
namespace {

constexpr std::array<Card, 5> kCards = {{
    {"H200", 989, 67, 141, 4.8},
    {"H100 SXM", 989, 67, 80, 3.35},
    {"A100 80GB", 312, 19.5, 80, 2.04},
    {"L40S", 362, 91.6, 48, 0.864},
    {"RTX 4090", 165, 82.6, 24, 1.01},
}};

// By Work.
constexpr std::array<Utilisation, kWorks> kUtilisation = {{
    {0.056, true,
     "84 samples/s on one H200, four at a time (results/gpu); other cards, with less to wait for, may do better"},
    {0.25, false, "single sequences of some 700 tokens"},
    {0.25, false, "as the forward pass"},
    {0.35, false, "batches of 16; layers that are computed again count twice"},
    {0.25, false, "prompts in batches"},
}};

}  // namespace

std::span<const Card> cards() { return kCards; }

const Utilisation& utilisation(Work work) { return kUtilisation.at(static_cast<std::size_t>(work)); }

double hours(const Card& card, Work work, bool bf16, double flop, double bytes) {
  const double rate = (bf16 ? card.bf16_tflops : card.f32_tflops) * 1e12 * utilisation(work).share;
  return (flop / rate + bytes / (card.tb_per_s * 1e12 * kBandwidthShare)) / 3600;
}

}  // namespace scalselect::plan
