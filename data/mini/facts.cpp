#include "data/mini/facts.h"

#include <algorithm>
#include <cassert>

#include "data/mini/lexicon.h"
#include "data/mini/lookups.h"
#include "data/mini/things.h"

namespace scalselect::mini {
namespace {

using Pieces = std::vector<std::string>;

/// Collects the facts of one scene.
class FactMaker {
 public:
  FactMaker(const Scene& scene, Rng& rng) : scene_(scene), rng_(rng), things_(things(scene)) {}

  std::vector<Fact> make() {
    lookups_ = all_lookups(scene_, rng_);
    for (const Lookup& lookup : lookups_) add_single(lookup);
    for (std::size_t i = 0; i < things_.size(); ++i) add_thing_records(static_cast<int>(i));
    add_lists();
    add_description();
    for (int i = 0; i < 4; ++i) add_option_picture();
    for (int i = 0; i < 2; ++i) add_option_text();
    return std::move(facts_);
  }

 private:
  Fact& start(FactType type, Pieces keys) {
    facts_.push_back({type, std::move(keys), {}, 0});
    facts_.back().is_value.assign(facts_.back().pieces.size(), 0);
    return facts_.back();
  }
  static void push(Fact& fact, const std::string& piece, bool value) {
    fact.pieces.push_back(piece);
    fact.is_value.push_back(value);
  }

  void add_single(const Lookup& lookup) {
    Fact& fact = start(lookup.type, lookup.prompt);
    fact.choices = static_cast<int>(lookup.domain.size());
    push(fact, ":", false);
    for (const std::string& piece : lookup.answer) push(fact, piece, true);
    // The end of a spelled word must be predicted; every other answer is one piece long.
    push(fact, ".", lookup.type == FactType::kWord);
  }

  /// "circle : red large topleft ." for each word that names the thing.
  void add_thing_records(int index) {
    for (Attribute key : keys_of(things_, index)) {
      const auto values = askable(things_[index], key, scene_.type);
      if (values.size() < 2) continue;
      Fact& fact = start(FactType::kRecord, {things_[index].get(key), ":"});
      for (Attribute value : values) push(fact, things_[index].get(value), true);
      push(fact, ".", false);
    }
  }

  /// "color : circle red , square blue ." over all things that a kind of key names, in random order.
  void add_lists() {
    for (Attribute key : {Attribute::kShape, Attribute::kColor, Attribute::kPosition, Attribute::kLetter}) {
      for (int v = 0; v < kAttributes; ++v) add_list(key, static_cast<Attribute>(v));
    }
  }

  void add_list(Attribute key, Attribute value) {
    std::vector<int> named;
    for (std::size_t i = 0; i < things_.size(); ++i) {
      const auto keys = keys_of(things_, static_cast<int>(i));
      const auto values = askable(things_[i], key, scene_.type);
      if (std::count(keys.begin(), keys.end(), key) && std::count(values.begin(), values.end(), value)) {
        named.push_back(static_cast<int>(i));
      }
    }
    if (named.size() < 2) return;
    rng_.shuffle(named);
    Fact& fact = start(FactType::kRecord, {std::string(name(value)), ":"});
    for (int i : named) {
      push(fact, things_[i].get(key), false);
      push(fact, things_[i].get(value), true);
      push(fact, ",", false);
    }
    fact.pieces.back().assign(1, '.');
  }

  void add_description() {
    const Description text = describe(scene_);
    facts_.push_back({FactType::kDescription, text.pieces, text.is_value, 0});
  }

  /// 2-4 options in random order that contain `answer`.
  Pieces options_for(const std::string& answer, Pieces domain) {
    domain.erase(std::remove(domain.begin(), domain.end(), answer), domain.end());
    rng_.shuffle(domain);
    const std::size_t wrong = rng_.chance(0.6) ? 3 : 1 + rng_.below(2);
    domain.resize(std::min(domain.size(), wrong));
    domain.push_back(answer);
    rng_.shuffle(domain);
    return domain;
  }

  static void append_options(Pieces& pieces, const Pieces& options) {
    for (std::size_t i = 0; i < options.size(); ++i) {
      pieces.insert(pieces.end(), {std::string(1, static_cast<char>('A' + i)), ".", options[i]});
    }
  }

  /// The letter of an option, or nothing.
  static std::string letter_of(const Pieces& options, const std::string& content) {
    const auto at = std::find(options.begin(), options.end(), content);
    return at == options.end() ? "" : std::string(1, static_cast<char>('A' + (at - options.begin())));
  }

  /// Half: question, options, one letter. Half: options, then several questions with their letters.
  void add_option_picture() {
    std::vector<const Lookup*> usable;
    for (const Lookup& lookup : lookups_) {
      if (lookup.answer.size() == 1 && lookup.domain.size() >= 2 && !is_yes_no(lookup)) usable.push_back(&lookup);
    }
    if (usable.empty()) return;
    const Lookup& first = *rng_.pick(usable);
    const Pieces options = options_for(first.answer[0], first.domain);
    if (rng_.chance(0.5)) {
      Pieces pieces = first.prompt;
      append_options(pieces, options);
      pieces.emplace_back(":");
      Fact& fact = start(FactType::kOptionPicture, pieces);
      fact.choices = static_cast<int>(options.size());
      push(fact, letter_of(options, first.answer[0]), true);
      push(fact, ".", false);
      return;
    }
    Pieces pieces;
    append_options(pieces, options);
    Fact& fact = start(FactType::kOptionPicture, pieces);
    fact.choices = static_cast<int>(options.size());
    push_question(fact, first, options);
    rng_.shuffle(usable);
    int asked = 1;
    for (const Lookup* other : usable) {
      if (asked == 4) break;
      if (other == &first || other->domain != first.domain || letter_of(options, other->answer[0]).empty()) continue;
      push_question(fact, *other, options);
      ++asked;
    }
    fact.pieces.back().assign(1, '.');
  }

  static void push_question(Fact& fact, const Lookup& lookup, const Pieces& options) {
    for (const std::string& piece : lookup.prompt) push(fact, piece, false);
    push(fact, ":", false);
    push(fact, letter_of(options, lookup.answer[0]), true);
    push(fact, ",", false);
  }

  void add_option_text() {
    static constexpr std::array<Attribute, 5> kContents = {Attribute::kShape, Attribute::kColor, Attribute::kPosition,
                                                           Attribute::kLetter, Attribute::kValue};
    const Pieces words = domain(kContents[rng_.below(kContents.size())], SceneType::kObjects);
    const Pieces options = options_for(rng_.pick(words), words);
    Pieces pieces;
    append_options(pieces, options);
    pieces.emplace_back(":");
    Pieces asked = options;
    rng_.shuffle(asked);
    Fact& fact = start(FactType::kOptionText, pieces);
    fact.choices = static_cast<int>(options.size());
    for (const std::string& content : asked) {
      push(fact, content, false);
      push(fact, letter_of(options, content), true);
    }
    push(fact, ".", false);
  }

  const Scene& scene_;
  Rng& rng_;
  std::vector<Thing> things_;
  std::vector<Lookup> lookups_;
  std::vector<Fact> facts_;
};

/// Inserts up to `most` noise words before position `at`.
void insert_noise(Fact& fact, std::size_t at, int most, Rng& rng) {
  const auto count = static_cast<std::size_t>(rng.between(0, most));
  for (std::size_t i = 0; i < count; ++i) {
    fact.pieces.insert(fact.pieces.begin() + static_cast<std::ptrdiff_t>(at), rng.pick(noise_words()));
    fact.is_value.insert(fact.is_value.begin() + static_cast<std::ptrdiff_t>(at), 0);
  }
}

void add_noise(Fact& fact, const FactSampling& sampling, Rng& rng) {
  const auto colon = std::find(fact.pieces.begin(), fact.pieces.end(), ":");
  if (colon != fact.pieces.end()) {
    insert_noise(fact, static_cast<std::size_t>(colon - fact.pieces.begin()), sampling.noise_between, rng);
  }
  insert_noise(fact, 0, sampling.noise_before, rng);
}

/// Index drawn in proportion to the weights, or -1 if all are 0.
int draw_weighted(const std::array<double, kFactTypes>& weights, Rng& rng) {
  double total = 0;
  for (double weight : weights) total += weight;
  if (total <= 0) return -1;
  double left = rng.uniform() * total;
  int last = -1;
  for (int i = 0; i < kFactTypes; ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    left -= weights[i];
    if (left < 0) break;
  }
  return last;
}

}  // namespace

std::string_view name(FactType type) {
  static constexpr std::array<std::string_view, kFactTypes> kNames = {
      "shape_color",     "color_shape",   "position_color", "position_shape",  "shape_position", "color_position",
      "shape_size",      "color_size",    "position_size",  "letter_color",    "letter_shape",   "letter_size",
      "letter_position", "shape_letter",  "color_letter",   "position_letter", "letter_value",   "word",
      "word_color",      "word_position", "count_all",      "count_shape",     "count_color",    "exist",
      "exist_letter",    "verify",        "neighbor",       "tallest",         "compare_value",  "compare_size",
      "arrow_out",       "arrow_in",      "record",         "description",     "option_text",    "option_picture"};
  return kNames[static_cast<int>(type)];
}

std::vector<Fact> all_facts(const Scene& scene, Rng& rng) { return FactMaker(scene, rng).make(); }

std::array<double, kFactTypes> default_weights() {
  std::array<double, kFactTypes> weights;
  weights.fill(1);
  const auto set = [&](FactType type, double weight) { weights[static_cast<int>(type)] = weight; };
  set(FactType::kRecord, 10);
  set(FactType::kOptionPicture, 5);
  for (FactType type : {FactType::kNeighbor, FactType::kLetterValue, FactType::kCountShape, FactType::kCompareSize}) {
    set(type, 4);
  }
  for (FactType type : {FactType::kCountAll, FactType::kCompareValue, FactType::kVerify, FactType::kExist,
                        FactType::kArrowOut, FactType::kArrowIn, FactType::kTallest, FactType::kWord}) {
    set(type, 3);
  }
  for (FactType type :
       {FactType::kCountColor, FactType::kExistLetter, FactType::kDescription, FactType::kOptionText,
        FactType::kLetterShape, FactType::kLetterColor, FactType::kLetterSize, FactType::kShapeLetter}) {
    set(type, 2);
  }
  return weights;
}

std::array<double, kFactTypes> late_weights() {
  auto weights = default_weights();
  const auto set = [&](FactType type, double weight) { weights[static_cast<int>(type)] = weight; };
  set(FactType::kRecord, 4);
  for (FactType type : {FactType::kOptionPicture, FactType::kNeighbor, FactType::kVerify, FactType::kCountAll,
                        FactType::kCountShape, FactType::kCountColor, FactType::kArrowOut, FactType::kArrowIn}) {
    set(type, 8);
  }
  return weights;
}

std::array<double, kFactTypes> choice_weights() {
  std::array<double, kFactTypes> weights;
  weights.fill(1);
  const auto set = [&](FactType type, double weight) { weights[static_cast<int>(type)] = weight; };
  set(FactType::kOptionPicture, 30);
  set(FactType::kVerify, 6);
  set(FactType::kOptionText, 2);
  return weights;
}

bool is_lookup_of_a_skill(FactType type) {
  return type != FactType::kRecord && type != FactType::kDescription && type != FactType::kCountShape;
}

FactSampling::FactSampling() : weights(default_weights()) {}

std::vector<Fact> sample_facts(const Scene& scene, Rng& rng, const FactSampling& sampling) {
  std::array<std::vector<Fact>, kFactTypes> by_type;
  for (Fact& fact : all_facts(scene, rng)) by_type[static_cast<int>(fact.type)].push_back(std::move(fact));
  std::vector<Fact> drawn;
  while (static_cast<int>(drawn.size()) < sampling.facts) {
    auto weights = sampling.weights;
    for (int i = 0; i < kFactTypes; ++i) {
      if (by_type[i].empty()) weights[i] = 0;
    }
    const int type = draw_weighted(weights, rng);
    if (type < 0) break;
    auto& pool = by_type[type];
    std::swap(pool[rng.below(pool.size())], pool.back());
    drawn.push_back(std::move(pool.back()));
    pool.pop_back();
    if (rng.chance(sampling.noise_share)) add_noise(drawn.back(), sampling, rng);
  }
  return drawn;
}

std::vector<Probe> lookup_probes(const Scene& scene, Rng& rng) {
  std::array<std::vector<Fact>, kFactTypes> by_type;
  for (Fact& fact : all_facts(scene, rng)) by_type[static_cast<int>(fact.type)].push_back(std::move(fact));
  std::vector<Probe> probes;
  for (int i = 0; i < kFactTypes; ++i) {
    const auto type = static_cast<FactType>(i);
    if (by_type[i].empty() || !is_lookup_of_a_skill(type)) continue;
    const Fact& fact = rng.pick(by_type[i]);
    Probe probe;
    probe.type = type;
    const auto first = std::find(fact.is_value.begin(), fact.is_value.end(), 1) - fact.is_value.begin();
    probe.prompt.assign(fact.pieces.begin(), fact.pieces.begin() + first);
    for (std::size_t k = first; k < fact.pieces.size() && fact.is_value[k] && fact.pieces[k] != "."; ++k) {
      probe.answer.push_back(fact.pieces[k]);
    }
    probe.chance = fact.choices > 0 ? 1.0 / fact.choices : 0;
    probes.push_back(std::move(probe));
  }
  return probes;
}

}  // namespace scalselect::mini
