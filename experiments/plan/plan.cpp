#include "experiments/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/grid.h"

namespace scalselect::plan {
namespace {

constexpr std::size_t kWidth = 116;

std::string thousands(double value) {
  auto digits = fmt::format("{:.0f}", value);
  for (auto at = static_cast<std::int64_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

/// "4.4e+18" as it is usual for FLOP, three digits.
std::string flop_text(double flop) { return flop > 0 ? fmt::format("{:.2e}", flop) : "–"; }

std::string tokens_text(double tokens) {
  if (tokens <= 0) return "–";
  return tokens < 1e6   ? thousands(tokens)
         : tokens < 1e9 ? fmt::format("{:.1f} M", tokens / 1e6)
                        : fmt::format("{:.2f} G", tokens / 1e9);
}

std::string bytes_text(double bytes) {
  if (bytes <= 0) return "–";
  return bytes < 1e6   ? fmt::format("{:.0f} kB", std::max(1.0, bytes / 1e3))
         : bytes < 1e9 ? fmt::format("{:.0f} MB", bytes / 1e6)
                       : fmt::format("{:.1f} GB", bytes / 1e9);
}

std::string hours_text(double value) {
  if (value <= 0) return "–";
  return value < 0.01 ? "<0.01" : fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

/// A sentence in lines, the first after `head`, the others indented as far.
std::string wrapped(const std::string& head, const std::string& text) {
  std::string out, line = head;
  std::size_t begin = 0;
  bool empty = true;
  while (begin < text.size()) {
    const auto end = std::min(text.find(' ', begin), text.size());
    if (!empty && line.size() + 1 + end - begin > kWidth) {
      out += line + "\n";
      line = std::string(head.size(), ' ');
      empty = true;
    }
    line += (empty ? "" : " ") + text.substr(begin, end - begin);
    empty = false;
    begin = end + 1;
  }
  return out + line + "\n";
}

double stage_hours(const Stage& stage, const Card& card) {
  return stage.model ? hours(card, stage.work, stage.bf16, stage.flop, stage.bytes) : 0;
}

std::string stages_table(const Plan& plan) {
  report::Grid grid;
  grid.header = {"stage", "times", "samples", "tokens", "FLOP", "disk"};
  Stage sum;
  for (const auto& stage : plan.stages) {
    grid.rows.push_back(report::plain_row({stage.name, std::to_string(stage.times), thousands(stage.samples),
                                           tokens_text(stage.tokens), flop_text(stage.flop), bytes_text(stage.disk)}));
    sum.tokens += stage.tokens, sum.flop += stage.flop;
  }
  grid.rows.push_back(
      report::plain_row({"all", "", "", tokens_text(sum.tokens), flop_text(sum.flop), bytes_text(plan.disk())}));
  std::string text = report::grid_text(grid);
  for (const auto& stage : plan.stages) {
    if (!stage.shared.empty()) text += wrapped("  " + stage.name + ": ", stage.shared);
  }
  return text;
}

std::string hours_table(const Plan& plan) {
  report::Grid grid;
  grid.header = {"hours of one card"};
  for (const auto& card : cards()) grid.header.emplace_back(card.name);
  const auto row = [&](const std::string& name, auto&& value) {
    std::vector<std::string> cells = {name};
    for (const auto& card : cards()) cells.push_back(hours_text(value(card)));
    grid.rows.push_back(report::plain_row(cells));
  };
  for (const auto& stage : plan.stages) {
    if (stage.model) row(stage.name, [&](const Card& card) { return stage_hours(stage, card); });
  }
  row("all", [&](const Card& card) { return plan.hours_on(card); });
  return report::grid_text(grid);
}

std::string memory_text(const Plan& plan) {
  std::string text;
  for (const auto& [what, bytes] : plan.memory) {
    std::string fits;
    for (const auto& card : cards())
      if (bytes <= card.gb * 1e9) fits += (fits.empty() ? "" : ", ") + std::string(card.name);
    text += wrapped("  ",
                    fmt::format("{}: {}, fits {}", what, bytes_text(bytes), fits.empty() ? "none of the cards" : fits));
  }
  return text;
}

std::string heading(const std::string& text) { return "\n" + text + "\n"; }

}  // namespace

bool Plan::ready() const {
  return std::none_of(checks.begin(), checks.end(), [](const auto& c) { return c.state == Check::State::kMissing; });
}

double Plan::disk() const {
  double sum = 0;
  for (const auto& stage : stages) sum += stage.disk;
  return sum;
}

double Plan::hours_on(const Card& card) const {
  double sum = 0;
  for (const auto& stage : stages) sum += stage_hours(stage, card);
  return sum;
}

std::string plan_text(const Plan& plan) {
  std::string text = fmt::format("Plan of {}: {}. Nothing has been run.\n", plan.experiment, plan.overview);
  text += heading("What it needs");
  for (const auto& check : plan.checks) {
    const char* state = check.state == Check::State::kOk      ? "ok"
                        : check.state == Check::State::kDoubt ? "note"
                                                              : "MISSING";
    text += wrapped(fmt::format("  {:8} {:12} ", state, check.what), check.text);
  }
  text += heading("Sizes");
  for (const auto& line : plan.sizes) text += wrapped("  ", line);
  if (!plan.stages.empty()) {
    text += heading("Stages (with an empty cache)") + stages_table(plan);
    text += heading("Time by a stated model") + hours_table(plan);
    for (int work = 0; work < kWorks; ++work) {
      const auto used = std::any_of(plan.stages.begin(), plan.stages.end(), [&](const Stage& stage) {
        return stage.model && stage.work == static_cast<Work>(work);
      });
      if (!used) continue;
      const auto& share = utilisation(static_cast<Work>(work));
      static constexpr const char* kNames[kWorks] = {"first layers", "forward", "backward", "training", "answering"};
      text += wrapped("  ", fmt::format("{}: {:.1f} % of the card's peak, {} ({})", kNames[work], 100 * share.share,
                                        share.measured ? "measured" : "assumed", share.basis));
    }
    text +=
        wrapped("  ", fmt::format("tokens of answers: the weights are read once for each token of a batch, at {:.0f} % "
                                  "of the bandwidth, assumed",
                                  100 * kBandwidthShare));
  }
  for (const auto& line : plan.measured) text += wrapped("  ", line);
  if (!plan.memory.empty()) text += heading("Memory of the card") + memory_text(plan);
  text += heading("Disk") +
          wrapped("  ", fmt::format("{} stay in the cache{}", bytes_text(plan.disk()),
                                    plan.disk_free > 0 ? ", " + bytes_text(plan.disk_free) + " are free there" : ""));
  if (!plan.question.empty()) {
    text += heading("Can it answer the question?");
    for (const auto& line : plan.question) text += wrapped("  ", line);
  }
  if (!plan.assumptions.empty()) {
    text += heading("Assumed");
    for (const auto& line : plan.assumptions) text += wrapped("  ", line);
  }
  const auto missing = std::count_if(plan.checks.begin(), plan.checks.end(),
                                     [](const auto& check) { return check.state == Check::State::kMissing; });
  return text + (missing == 0 ? "\nReady to run.\n"
                              : fmt::format("\nNot ready: {} of {} checks failed.\n", missing, plan.checks.size()));
}

}  // namespace scalselect::plan
