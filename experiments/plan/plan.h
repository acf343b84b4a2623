// A plan: what an experiment would do, cost and be able to show, before it runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/options.h"
#include "experiments/plan/devices.h"
#include "experiments/plan/question.h"
#include "experiments/plan/work.h"

namespace scalselect::plan {

/// The keys below `plan`: what the files do not say, and what is assumed of noise.
struct PlanOptions {
  std::optional<std::int64_t> rows;
  std::optional<double> text_tokens, answer_tokens, visual_tokens;
  double new_tokens = 4;
  std::optional<std::string> pilot;
  double discordant = 0.12, seed_sd = 0.5;
  double difference = 1, power = 0.8;

  template <class Visitor>
  static void describe(Visitor& v, PlanOptions& o) {
    v.field("rows", o.rows, "rows of the pool, where it is not at hand", Range{1, 1e12});
    v.field("text_tokens", o.text_tokens, "text tokens of a row on average; null: of rows of the pool", Range{1, 1e7});
    v.field("answer_tokens", o.answer_tokens, "of these, answers; null: of rows of the pool", Range{0, 1e7});
    v.field("visual_tokens", o.visual_tokens, "visual tokens of a picture; null: as model and pictures say",
            Range{1, 1e7});
    v.field("new_tokens", o.new_tokens, "tokens of an answer to a benchmark on average", Range{1, 1e6});
    v.field("pilot", o.pilot, "experiment in the store whose runs tell the noise; null: the experiment itself");
    v.field("discordant", o.discordant,
            "without a pilot: share of questions that two equally good models answer differently", Range{0, 1});
    v.field("seed_sd", o.seed_sd, "without a pilot: standard deviation of a difference of Rel. over training seeds",
            Range{0, 1e3});
    v.field("difference", o.difference, "points of Rel. that should be seen", Range{1e-6, 1e3});
    v.field("power", o.power, "with this probability", Range{0.06, 0.999});
  }
};

/// Something that a run needs.
struct Check {
  enum class State { kOk, kDoubt, kMissing };
  State state = State::kOk;
  std::string what, text;
};

/// Work of one kind, which may be done several times.
struct Stage {
  std::string name;
  std::int64_t times = 0;  ///< how often it is done
  std::string shared;      ///< by which runs
  double samples = 0;      ///< of all times together: rows, training samples or questions
  double tokens = 0;       ///< that pass through the decoder
  double flop = 0;
  double bytes = 0;  ///< of weights read for tokens that come one by one
  Work work = Work::kForward;
  bool bf16 = false;
  bool model = true;  ///< false: no model runs, no card is needed
  double disk = 0;    ///< bytes that stay
};

struct Plan {
  std::string experiment, overview;  ///< "24 runs: 8 methods, 1 budget, 3 seeds"
  std::vector<Check> checks;
  std::vector<std::string> sizes;  ///< sentences on model and pool
  std::vector<Stage> stages;
  std::vector<std::pair<std::string, double>> memory;  ///< what, bytes
  std::vector<std::string> measured;                   ///< sentences: rates of earlier runs
  double disk_free = 0;                                ///< bytes where the cache is; 0: unknown
  std::vector<std::string> assumptions;                ///< sentences
  std::vector<std::string> question;                   ///< question_lines

  bool ready() const;
  double disk() const;  ///< bytes that all stages leave
  double hours_on(const Card& card) const;
};

/// The whole plan for a terminal or a file, lines of at most 120 characters.
std::string plan_text(const Plan& plan);

}  // namespace scalselect::plan
