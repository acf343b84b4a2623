#include "experiments/plan/question.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace scalselect::plan {
namespace {

constexpr double kLevel = 0.05;

/// What is known of a share of right answers: LLaVA-1.5-7B's value as its authors or evaluation.md of this comparison
/// report it, the units of the known release, and how much psi is scaled: POPE's questions are easier than others.
struct KnownColumn {
  const char *kind, *language, *metric, *display;
  double full, units, scale;
};
constexpr std::array<KnownColumn, 15> kShares = {{
    {"mmbench", "en", "accuracy", "MMBench-EN", 64.3, 1164, 1},
    {"mmbench", "cn", "accuracy", "MMBench-CN", 58.3, 1164, 1},
    {"ai2d", "", "accuracy", "AI2D", 55, 3088, 1},
    {"pope", "", "f1", "POPE", 85.9, 5127, 0.6},
    {"pope", "", "adversarial_f1", "POPE-A", 84.5, 3000, 0.6},
    {"pope", "", "popular_f1", "POPE-P", 86.3, 3000, 0.6},
    {"pope", "", "random_f1", "POPE-R", 87.2, 3000, 0.6},
    {"scienceqa", "", "accuracy", "SQA-IMG", 66.8, 2017, 1},
    {"ocrbench", "", "accuracy", "OCRBench", 31, 1000, 1},
    {"textvqa", "", "accuracy", "TextVQA", 58.2, 5000, 1},
    {"gqa", "", "accuracy", "GQA", 62.0, 12578, 1},
    {"vqav2", "", "accuracy", "VQAv2", 78.5, 214354, 1},
    {"vizwiz", "", "accuracy", "VizWiz", 50.0, 4319, 1},
    {"seed", "", "accuracy", "SEED-IMG", 66.1, 14233, 1},
    {"chartqa", "", "accuracy", "ChartQA", 18, 2500, 1},
}};

/// One over the pictures of each category, summed over the categories; the number of categories; the value.
struct KnownMme {
  const char *metric, *display;
  double full, categories, inverse_pictures, pictures, scale;
};
constexpr std::array<KnownMme, 2> kMme = {{
    {"perception", "MME-P", 1500, 10, 4.0 / 30 + 1.0 / 147 + 1.0 / 170 + 3.0 / 200 + 1.0 / 20, 1057, 1},
    {"cognition", "MME-C", 350, 4, 1.0 / 70 + 3.0 / 20, 130, 1.3},
}};

/// The accuracy at which acc + acc+ of independent answers is `score` (0..2).
double accuracy_at(double score) { return (std::sqrt(1 + 4 * score) - 1) / 2; }

std::string points(double value) { return fmt::format("{:.{}f}", value, std::abs(value) < 0.1 ? 2 : 1); }

std::string percent(double share) {
  return share > 0.995 ? "over 99 %" : share < 0.01 ? "below 1 %" : fmt::format("{:.0f} %", 100 * share);
}

const char* plural(std::int64_t count) { return count == 1 ? "" : "s"; }

}  // namespace

std::optional<ColumnGuess> guess_column(const std::string& kind, const std::string& language, const std::string& metric,
                                        double units, double discordant) {
  for (const auto& known : kShares) {
    if (kind != known.kind || metric != known.metric || (*known.language != 0 && language != known.language)) continue;
    const double n = units > 0 ? units : known.units;
    return ColumnGuess{known.display, {known.full, 100 * eval::paired_standard_error(known.scale * discordant, n)}};
  }
  for (const auto& known : kMme) {
    if (kind != "mme" || metric != known.metric) continue;
    const double p = accuracy_at(known.full / known.categories / 100);
    const double inverse = known.inverse_pictures * (units > 0 ? known.pictures / units : 1);
    return ColumnGuess{known.display, {known.full, (50 + 100 * p) * std::sqrt(2 * known.scale * discordant * inverse)}};
  }
  return {};
}

std::vector<std::string> question_lines(const Question& question) {
  const auto& noise = question.noise;
  const auto seeds = question.seeds;
  const double error = noise.of_mean(static_cast<double>(seeds));
  std::vector<std::string> lines = {
      "Noise of a difference of Rel.: " + question.basis,
      fmt::format("With {} seed{} its standard error is {} points: {} from the sample of questions, {} from a seed's "
                  "training{}.",
                  seeds, plural(seeds), points(error), points(noise.question), points(noise.seed),
                  seeds == 1 ? "; one seed cannot estimate the latter, and what follows takes it as known" : "")};
  if (error == 0) {
    lines.emplace_back("No noise at all: answers that never change, or too few questions. Nothing follows from that.");
    return lines;
  }
  if (question.headroom) {
    lines.push_back(fmt::format("Headroom: full - random is {} points, {} standard errors ({}).",
                                points(*question.headroom), points(*question.headroom / error),
                                question.headroom_basis));
  }
  const double seen = eval::detectable_difference(noise, seeds, question.power, kLevel);
  std::string line = fmt::format("Seen with {:.0f} % power at the 5 % level: differences from {} points on",
                                 100 * question.power, points(seen));
  if (question.methods > 1) {
    const double first = kLevel / static_cast<double>(question.methods);
    line += fmt::format("; from {} on where Holm's correction over {} methods has to be passed first",
                        points(eval::detectable_difference(noise, seeds, question.power, first)), question.methods);
  }
  lines.push_back(line + ".");
  for (const auto& [method, difference] : question.reported) {
    lines.push_back(fmt::format("{} - random is reported as {} points: this experiment would see that with {} power.",
                                method, points(difference), percent(eval::power_of(difference, noise, seeds, kLevel))));
  }
  const auto wanted = points(question.difference);
  lines.push_back(fmt::format("A difference of {} points is seen with {} power.", wanted,
                              percent(eval::power_of(question.difference, noise, seeds, kLevel))));
  const auto needed = eval::seeds_needed(question.difference, noise, question.power, kLevel);
  const auto factor = eval::question_factor_needed(question.difference, noise, seeds, question.power, kLevel);
  lines.push_back(fmt::format("{:.0f} % power for it takes {}; with {} seed{} it takes {}.", 100 * question.power,
                              needed ? fmt::format("{} seed{}", *needed, plural(*needed))
                                     : std::string("more than any number of seeds: the questions are too few"),
                              seeds, plural(seeds),
                              factor ? fmt::format("{:.1f} times as many questions of the same kind", *factor)
                                     : std::string("more than any number of questions: the seeds are too few")));
  return lines;
}

}  // namespace scalselect::plan
