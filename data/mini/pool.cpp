#include "data/mini/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "data/mini/prompts.h"

namespace scalselect::mini {
namespace {

constexpr std::array<int, kSkills> kShares = {1500, 1250, 1000, 750, 700, 650, 600, 550, 350, 300, 250, 200, 140, 70};
constexpr int kMostTurns = 10, kMostSamplesOfAnImage = 6;

/// A scene that may receive further samples.
struct OpenImage {
  int image = 0;
  int room = 0;  ///< samples still to come
  std::vector<Skill> used;
};

class Planner {
 public:
  explicit Planner(const MiniWorldOptions& options)
      : options_(options), rng_(static_cast<std::uint64_t>(options.seed), "mini/pool") {}

  PoolPlan make() {
    const auto counts = skill_counts(options_.pool_size);
    std::array<std::int64_t, kSkills> exact{}, near{};
    std::vector<Skill> wanted;
    for (int s = 0; s < kSkills; ++s) {
      exact[s] = std::llround(static_cast<double>(counts[s]) * options_.exact_duplicates);
      near[s] = std::llround(static_cast<double>(counts[s]) * options_.near_duplicates);
      wanted.insert(wanted.end(), static_cast<std::size_t>(counts[s] - exact[s] - near[s]), static_cast<Skill>(s));
    }
    rng_.shuffle(wanted);
    for (Skill skill : wanted) add_sample(skill);
    add_mistakes();
    for (int s = 0; s < kSkills; ++s) add_duplicates(static_cast<Skill>(s), exact[s], near[s]);
    shuffle_samples();
    number_images();
    return std::move(plan_);
  }

 private:
  // ---- pictures ----

  int new_image(Scene scene) {
    plan_.images.push_back({std::move(scene), fmt::format("mini/pool/picture/{}", plan_.images.size())});
    return static_cast<int>(plan_.images.size()) - 1;
  }

  /// A picture about which `skill` can be asked: one that has other samples already, or a new one.
  int image_for(Skill skill) {
    if (!open_.empty() && rng_.chance(1 - 1 / options_.samples_per_image)) {
      for (int attempt = 0; attempt < 40; ++attempt) {
        OpenImage& open = open_[rng_.below(open_.size())];
        const bool repeated = std::find(open.used.begin(), open.used.end(), skill) != open.used.end();
        if (repeated || questions(scene(open.image), skill, rng_).empty()) continue;
        return use(open, skill);
      }
    }
    std::vector<SceneType> types;
    for (int t = 0; t < kSceneTypes; ++t) {
      if (serves(static_cast<SceneType>(t), skill)) types.push_back(static_cast<SceneType>(t));
    }
    const SceneType type = rng_.pick(types);
    Scene drawn;
    do drawn = sample_scene(rng_, type, Split::kTraining);
    while (questions(drawn, skill, rng_).empty());
    open_.push_back({new_image(std::move(drawn)), static_cast<int>(rng_.between(1, kMostSamplesOfAnImage)), {}});
    return use(open_.back(), skill);
  }

  int use(OpenImage& open, Skill skill) {
    const int image = open.image;
    open.used.push_back(skill);
    if (--open.room == 0) {
      std::swap(open, open_.back());
      open_.pop_back();
    }
    return image;
  }

  const Scene& scene(int image) const { return plan_.images[static_cast<std::size_t>(image)].scene; }

  // ---- conversations ----

  void add_sample(Skill skill) {
    PoolSample sample;
    sample.image = image_for(skill);
    sample.skill = skill;
    sample.scene = scene(sample.image).type;
    const int turns = draw_turns();
    for (int turn = 0; turn < turns; ++turn) {
      const Skill asked = turn == 0 || rng_.chance(0.6) ? skill : draw_skill();
      if (!add_turn(sample, asked) && !add_turn(sample, draw_skill())) break;
    }
    plan_.samples.push_back(std::move(sample));
  }

  int draw_turns() {
    int turns = 1;
    while (turns < kMostTurns && rng_.chance(1 - 1 / options_.mean_turns)) ++turns;
    return turns;
  }

  Skill draw_skill() {
    const int total = std::accumulate(kShares.begin(), kShares.end(), 0);
    auto left = static_cast<int>(rng_.below(static_cast<std::uint64_t>(total)));
    int skill = 0;
    while (left >= kShares[skill]) left -= kShares[skill++];
    return static_cast<Skill>(skill);
  }

  /// False if everything that the skill can ask about the scene was asked before.
  bool add_turn(PoolSample& sample, Skill skill) {
    if (skill == Skill::kDescribe && !sample.turns.empty()) return false;
    std::vector<Question> fresh;
    for (Question& question : questions(scene(sample.image), skill, rng_)) {
      const bool known = std::any_of(sample.turns.begin(), sample.turns.end(),
                                     [&](const PoolTurn& turn) { return turn.question.key == question.key; });
      if (!known) fresh.push_back(std::move(question));
    }
    if (fresh.empty()) return false;
    PoolTurn turn;
    turn.question = rng_.pick(fresh);
    turn.asked = ask(turn.question, draw_form(turn.question), std::nullopt);
    write(turn, sample);
    sample.turns.push_back(std::move(turn));
    return true;
  }

  Form draw_form(const Question& question) {
    const double which = rng_.uniform();
    const Form wanted = which < options_.choice_share                           ? Form::kChoice
                        : which < options_.choice_share + options_.yes_no_share ? Form::kYesNo
                                                                                : Form::kOpen;
    if (question.allows(wanted)) return wanted;
    return question.allows(Form::kOpen) ? Form::kOpen : Form::kYesNo;
  }

  Asked ask(const Question& question, Form form, std::optional<bool> truth) {
    switch (form) {
      case Form::kChoice: return ask_choice(question, rng_.chance(0.7) ? 4 : rng_.chance(0.67) ? 3 : 2, rng_);
      case Form::kYesNo: return ask_yes_no(question, truth ? *truth : next_truth(question.skill), rng_);
      case Form::kOpen: break;
    }
    return ask_open(question, rng_);
  }

  /// Yes and no in equal numbers for each skill: every pair has one of each.
  bool next_truth(Skill skill) {
    auto& pending = pending_truth_[static_cast<int>(skill)];
    if (pending) {
      const bool truth = *pending;
      pending.reset();
      return truth;
    }
    const bool truth = rng_.chance(0.5);
    pending = !truth;
    return truth;
  }

  void write(PoolTurn& turn, const PoolSample& sample) {
    turn.user = pool_message(turn.asked, sample.scene, rng_);
    if (sample.turns.empty()) turn.user = rng_.chance(0.9) ? "<image>\n" + turn.user : turn.user + "\n<image>";
    turn.assistant = turn.asked.answer;
  }

  // ---- mistakes and duplicates ----

  void add_mistakes() {
    const auto share = [&](double part) {
      return static_cast<std::size_t>(std::llround(part * static_cast<double>(options_.pool_size)));
    };
    std::vector<int> rows(plan_.samples.size());
    std::iota(rows.begin(), rows.end(), 0);
    rng_.shuffle(rows);
    const std::size_t wrong = std::min(share(options_.wrong), rows.size());
    const std::size_t irrelevant = std::min(share(options_.irrelevant), rows.size() - wrong);
    for (std::size_t i = 0; i < wrong; ++i) make_wrong(plan_.samples[static_cast<std::size_t>(rows[i])]);
    const std::vector<PoolSample> clean = plan_.samples;
    for (std::size_t i = wrong; i < wrong + irrelevant; ++i) {
      make_irrelevant(plan_.samples[static_cast<std::size_t>(rows[i])], clean);
    }
  }

  void make_wrong(PoolSample& sample) {
    sample.kind = SampleKind::kWrong;
    for (PoolTurn& turn : sample.turns) turn.assistant = wrong_answer(turn);
  }

  std::string wrong_answer(const PoolTurn& turn) {
    switch (turn.asked.form) {
      case Form::kYesNo: return turn.asked.answer == "yes" ? "no" : "yes";
      case Form::kChoice: {
        const auto step = static_cast<int>(rng_.between(1, static_cast<std::int64_t>(turn.asked.options.size()) - 1));
        const int right = turn.asked.answer[0] - 'A';
        return std::string(1, static_cast<char>('A' + (right + step) % static_cast<int>(turn.asked.options.size())));
      }
      case Form::kOpen: break;
    }
    if (!turn.question.wrong.empty()) return open_answer(rng_.pick(turn.question.wrong));
    std::string other = turn.asked.answer;  // a description: that of another scene
    while (other == turn.asked.answer) {
      other = questions(sample_scene(rng_, Split::kTraining), Skill::kDescribe, rng_)[0].answer;
    }
    return other;
  }

  /// The conversation of a sample of the same skill about another type of scene; very small pools may have none, then
  /// of another skill about another scene.
  void make_irrelevant(PoolSample& sample, const std::vector<PoolSample>& clean) {
    for (int attempt = 0;; ++attempt) {
      const PoolSample& donor = rng_.pick(clean);
      if (donor.image == sample.image || (donor.skill != sample.skill && attempt < 5000)) continue;
      if (donor.kind != SampleKind::kClean || (donor.scene == sample.scene && attempt < 2000)) continue;
      sample.turns = donor.turns;
      sample.kind = SampleKind::kIrrelevant;
      return;
    }
  }

  void add_duplicates(Skill skill, std::int64_t exact, std::int64_t near) {
    std::vector<int> rows;
    for (std::size_t i = 0; i < plan_.samples.size(); ++i) {
      if (plan_.samples[i].skill == skill) rows.push_back(static_cast<int>(i));
    }
    for (std::int64_t i = 0; i < exact + near; ++i) {
      const int row = rng_.pick(rows);
      PoolSample copy = plan_.samples[static_cast<std::size_t>(row)];
      copy.origin = row;
      if (i < exact) copy.kind = SampleKind::kExact;
      else reword(copy);
      plan_.samples.push_back(std::move(copy));
    }
  }

  void reword(PoolSample& sample) {
    sample.kind = SampleKind::kNear;
    if (rng_.chance(0.5)) sample.image = new_image(scene(sample.image));
    std::vector<PoolTurn> before = std::move(sample.turns);
    sample.turns.clear();
    for (PoolTurn& turn : before) {
      const bool was_wrong = turn.assistant != turn.asked.answer;
      turn.asked = ask(turn.question, turn.asked.form, turn.asked.answer == "yes");
      write(turn, sample);
      if (was_wrong) turn.assistant = wrong_answer(turn);
      sample.turns.push_back(std::move(turn));
    }
  }

  // ---- order ----

  void shuffle_samples() {
    std::vector<int> order(plan_.samples.size());
    std::iota(order.begin(), order.end(), 0);
    rng_.shuffle(order);
    std::vector<int> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) place[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    std::vector<PoolSample> shuffled;
    for (int row : order) {
      shuffled.push_back(std::move(plan_.samples[static_cast<std::size_t>(row)]));
      if (shuffled.back().origin >= 0) shuffled.back().origin = place[static_cast<std::size_t>(shuffled.back().origin)];
    }
    plan_.samples = std::move(shuffled);
  }

  /// Pictures in the order of their first use in the pool.
  void number_images() {
    std::vector<int> number(plan_.images.size(), -1);
    std::vector<PoolImage> used;
    for (PoolSample& sample : plan_.samples) {
      int& index = number[static_cast<std::size_t>(sample.image)];
      if (index < 0) {
        index = static_cast<int>(used.size());
        used.push_back(plan_.images[static_cast<std::size_t>(sample.image)]);
      }
      sample.image = index;
    }
    plan_.images = std::move(used);
  }

  const MiniWorldOptions& options_;
  Rng rng_;
  PoolPlan plan_;
  std::vector<OpenImage> open_;
  std::array<std::optional<bool>, kSkills> pending_truth_;
};

}  // namespace

std::string_view name(SampleKind kind) {
  static constexpr std::array<std::string_view, kSampleKinds> kNames = {"clean", "wrong", "irrelevant",
                                                                        "exact_duplicate", "near_duplicate"};
  return kNames[static_cast<int>(kind)];
}

std::array<std::int64_t, kSkills> skill_counts(std::int64_t size) {
  const int total = std::accumulate(kShares.begin(), kShares.end(), 0);
  std::array<std::int64_t, kSkills> counts{};
  std::int64_t given = 0;
  for (int s = 0; s < kSkills; ++s) given += counts[s] = size * kShares[s] / total;
  counts[0] += size - given;
  return counts;
}

PoolPlan plan_pool(const MiniWorldOptions& options) { return Planner(options).make(); }

std::string image_name(int image) { return fmt::format("{:06}.png", image); }

std::string sample_id(std::int64_t row) { return fmt::format("mini-{:06}", row); }

std::string pool_json(const PoolPlan& plan) {
  std::string text = "[\n";
  for (std::size_t row = 0; row < plan.samples.size(); ++row) {
    const PoolSample& sample = plan.samples[row];
    nlohmann::ordered_json json = {{"id", sample_id(static_cast<std::int64_t>(row))},
                                   {"image", image_name(sample.image)},
                                   {"conversations", nlohmann::ordered_json::array()}};
    for (const PoolTurn& turn : sample.turns) {
      json["conversations"].push_back({{"from", "human"}, {"value", turn.user}});
      json["conversations"].push_back({{"from", "gpt"}, {"value", turn.assistant}});
    }
    json["source"] = fmt::format("{}/{}", name(sample.skill), name(sample.scene));
    text += json.dump() + (row + 1 < plan.samples.size() ? ",\n" : "\n");
  }
  return text + "]\n";
}

std::string pool_truth_jsonl(const PoolPlan& plan) {
  std::string text;
  for (std::size_t row = 0; row < plan.samples.size(); ++row) {
    const PoolSample& sample = plan.samples[row];
    nlohmann::ordered_json json = {{"row", row},
                                   {"id", sample_id(static_cast<std::int64_t>(row))},
                                   {"skill", name(sample.skill)},
                                   {"scene", name(sample.scene)},
                                   {"kind", name(sample.kind)}};
    if (sample.origin >= 0) json["origin"] = sample.origin;
    for (const PoolTurn& turn : sample.turns) {
      json["turns"].push_back(
          {{"skill", name(turn.asked.skill)}, {"form", name(turn.asked.form)}, {"key", turn.asked.key}});
    }
    text += json.dump() + "\n";
  }
  return text;
}

}  // namespace scalselect::mini
