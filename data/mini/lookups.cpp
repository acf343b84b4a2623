#include "data/mini/lookups.h"

#include <algorithm>
#include <map>
#include <set>

#include "data/mini/lexicon.h"
#include "data/mini/things.h"

namespace scalselect::mini {
namespace {

using Pieces = std::vector<std::string>;

const Pieces kYesNo = {"yes", "no"};

class LookupMaker {
 public:
  LookupMaker(const Scene& scene, Rng& rng) : scene_(scene), rng_(rng), things_(things(scene)) {}

  std::vector<Lookup> make() {
    add_attributes();
    add_word();
    add_counts();
    add_shape_existence();
    add_letter_existence();
    add_neighbors();
    add_columns();
    add_size_comparisons();
    add_arrows();
    return std::move(lookups_);
  }

 private:
  void add(FactType type, Pieces prompt, Pieces answer, Pieces domain) {
    lookups_.push_back({type, std::move(prompt), std::move(answer), std::move(domain)});
  }

  /// "circle", "red shape", "topleft", "bar k": a thing by one of its keys.
  Pieces phrase(const Thing& thing, Attribute key) {
    const std::string& word = thing.get(key);
    const std::string kind = noun(scene_.type);
    if (key == Attribute::kColor) return {word, kind};
    if (key == Attribute::kLetter && rng_.chance(0.5)) return {kind, word};
    return {word};
  }

  /// Key and attribute in one of three orders.
  Pieces prompt(const Pieces& key, Attribute value) {
    const std::string attribute(name(value));
    Pieces pieces;
    switch (rng_.below(3)) {
      case 0:
        pieces = key;
        pieces.push_back(attribute);
        break;
      case 1: pieces = {attribute, "of", "the"}; break;
      default: pieces = {attribute}; break;
    }
    if (pieces.front() == attribute) pieces.insert(pieces.end(), key.begin(), key.end());
    return pieces;
  }

  /// A value other than `right`: one that another thing has, if possible, in half of the cases.
  std::string wrong_value(Attribute attribute, const std::string& right) {
    Pieces candidates;
    for (const Thing& thing : things_) {
      if (thing.get(attribute) != right && !thing.get(attribute).empty()) candidates.push_back(thing.get(attribute));
    }
    if (candidates.empty() || rng_.chance(0.5)) {
      candidates = domain(attribute, scene_.type);
      candidates.erase(std::remove(candidates.begin(), candidates.end(), right), candidates.end());
    }
    return rng_.pick(candidates);
  }

  /// "<statement> : yes" or "... : no", with equal chances.
  void verify(Pieces subject, const Pieces& right, const Pieces& wrong) {
    const bool holds = rng_.chance(0.5);
    subject.emplace_back("is");
    const Pieces& value = holds ? right : wrong;
    subject.insert(subject.end(), value.begin(), value.end());
    add(FactType::kVerify, subject, {holds ? "yes" : "no"}, kYesNo);
  }

  void add_attributes() {
    for (std::size_t i = 0; i < things_.size(); ++i) {
      for (Attribute key : keys_of(things_, static_cast<int>(i))) {
        for (Attribute value : askable(things_[i], key, scene_.type)) {
          const auto type = attribute_fact(key, value);
          if (!type) continue;
          const std::string& answer = things_[i].get(value);
          add(*type, prompt(phrase(things_[i], key), value), {answer}, domain(value, scene_.type));
          const Pieces subject = rng_.chance(0.7) ? phrase(things_[i], key) : prompt(phrase(things_[i], key), value);
          verify(subject, {answer}, {wrong_value(value, answer)});
        }
      }
    }
  }

  void add_word() {
    if (!scene_.word) return;
    const Word& word = *scene_.word;
    static const std::vector<Pieces> wordings = {{"word"}, {"the", "word"}, {"text"}, {"read", "word"}};
    add(FactType::kWord, rng_.pick(wordings), spell(word.text), {});
    const std::string color(name(word.color));
    add(FactType::kWordColor, prompt({word.sign ? "sign" : "word"}, Attribute::kColor), {color},
        domain(Attribute::kColor, scene_.type));
    Pieces places = {"top", "center", "bottom"};
    add(FactType::kWordPosition, prompt({"word"}, Attribute::kPosition), {word_position(word)}, places);
    const std::string other = sample_word(rng_, split_of(word.text), static_cast<int>(word.text.size()));
    if (other != word.text) verify({"word"}, spell(word.text), spell(other));
  }

  Pieces numbers() const {
    Pieces words;
    for (int i = 1; i <= kGrid; ++i) words.push_back(std::to_string(i));
    return words;
  }

  void add_count(FactType type, const Pieces& what, std::size_t count) {
    Pieces subject = {"count"};
    if (rng_.chance(0.5)) subject = {"number", "of"};
    subject.insert(subject.end(), what.begin(), what.end());
    Pieces others = numbers();
    const std::string answer = std::to_string(count);
    add(type, subject, {answer}, others);
    others.erase(std::remove(others.begin(), others.end(), answer), others.end());
    verify(subject, {answer}, {rng_.pick(others)});
  }

  void add_counts() {
    const std::string kinds = nouns(scene_.type);
    if (!things_.empty()) add_count(FactType::kCountAll, {kinds}, things_.size());
    if (!scene_.arrows.empty()) add_count(FactType::kCountAll, {"arrows"}, scene_.arrows.size());
    if (scene_.word) add_count(FactType::kCountAll, {"letters", "of", "word"}, scene_.word->text.size());
    std::map<Color, int> colors;
    std::map<Shape, int> shapes;
    for (const Item& item : scene_.items) {
      ++colors[item.color];
      if (item.shape) ++shapes[*item.shape];
    }
    for (const Column& column : scene_.columns) ++colors[column.color];
    // Most kinds occur once; without this filter "1" would be the answer to most counts.
    const auto kept = [&](int count) { return count > 1 || rng_.chance(0.4); };
    for (const auto& [color, count] : colors) {
      if (!kept(count)) continue;
      add_count(FactType::kCountColor, {std::string(name(color)), kinds}, static_cast<std::size_t>(count));
    }
    for (const auto& [shape, count] : shapes) {
      if (!kept(count)) continue;
      add_count(FactType::kCountShape, {std::string(plural(shape))}, static_cast<std::size_t>(count));
    }
  }

  /// As many absent shapes and combinations as present ones.
  void add_shape_existence() {
    std::set<std::pair<std::string, std::string>> present;  // (color, shape)
    std::set<std::string> shapes;
    for (const Thing& thing : things_) {
      if (thing.shape.empty()) continue;
      present.emplace(thing.color, thing.shape);
      shapes.insert(thing.shape);
    }
    for (const std::string& shape : shapes) {
      add(FactType::kExist, {"exist", shape}, {"yes"}, kYesNo);
      std::string other;
      do other = rng_.pick(domain(Attribute::kShape, scene_.type));
      while (shapes.count(other));
      add(FactType::kExist, {"exist", other}, {"no"}, kYesNo);
    }
    for (const auto& [color, shape] : present) {
      add(FactType::kExist, {"exist", color, shape}, {"yes"}, kYesNo);
      auto other = std::pair(color, shape);
      while (present.count(other)) {
        other = {color, shape};
        if (rng_.chance(0.5)) other.first = rng_.pick(domain(Attribute::kColor, scene_.type));
        else other.second = rng_.pick(domain(Attribute::kShape, scene_.type));
      }
      add(FactType::kExist, {"exist", other.first, other.second}, {"no"}, kYesNo);
    }
  }

  void add_letter_existence() {
    std::set<std::string> present;
    for (const Thing& thing : things_) {
      if (!thing.letter.empty()) present.insert(thing.letter);
    }
    if (present.empty()) return;
    std::set<std::string> shown = present;  // letters of a caption are present too, but are never asked for
    if (scene_.word) {
      for (char c : scene_.word->text) shown.emplace(1, c);
    }
    for (const std::string& letter : present) {
      add(FactType::kExistLetter, {"exist", "letter", letter}, {"yes"}, kYesNo);
      std::string other;
      do other = rng_.pick(domain(Attribute::kLetter, scene_.type));
      while (shown.count(other));
      add(FactType::kExistLetter, {"exist", "letter", other}, {"no"}, kYesNo);
    }
  }

  void add_neighbors() {
    for (const Neighborhood& pair : neighborhoods(scene_)) {
      Pieces subject = {pair.direction, "of", pair.from};
      if (pair.direction == "above" || pair.direction == "below") subject = {pair.direction, pair.from};
      if (rng_.chance(0.5)) subject.insert(subject.begin(), pair.letters ? "letter" : "shape");
      add(FactType::kNeighbor, subject, {pair.to},
          domain(pair.letters ? Attribute::kLetter : Attribute::kShape, scene_.type));
    }
  }

  void add_columns() {
    if (scene_.columns.empty()) return;
    const auto& columns = scene_.columns;
    const auto best = std::max_element(columns.begin(), columns.end(),
                                       [](const Column& a, const Column& b) { return a.value < b.value; });
    Pieces all;
    for (const Column& column : columns) all.emplace_back(1, column.letter);
    add(FactType::kTallest, {"tallest", noun(scene_.type)}, {std::string(1, best->letter)}, all);
    for (const Column& a : columns) {
      for (const Column& b : columns) {
        if (a.value == b.value) continue;
        const std::string first(1, a.letter), second(1, b.letter);
        add(FactType::kCompareValue, {"taller", first, second}, {a.value > b.value ? first : second}, {first, second});
      }
    }
  }

  void add_size_comparisons() {
    for (std::size_t i = 0; i < things_.size(); ++i) {
      for (std::size_t k = 0; k < things_.size(); ++k) {
        const auto first = keys_of(things_, static_cast<int>(i)), second = keys_of(things_, static_cast<int>(k));
        const Thing &a = things_[i], &b = things_[k];
        if (a.size.empty() || a.size == b.size || first.empty() || second.empty()) continue;
        if (first.front() != Attribute::kShape || second.front() != Attribute::kShape) continue;
        add(FactType::kCompareSize, {"larger", a.shape, b.shape}, {a.size == "large" ? a.shape : b.shape},
            {a.shape, b.shape});
      }
    }
  }

  void add_arrows() {
    for (const auto& [from, to, way] : arrow_words(scene_)) {
      if (!from.empty()) add(FactType::kArrowOut, {"arrow", "from", from}, {way}, ways());
      if (!to.empty()) add(FactType::kArrowIn, {"arrow", "to", to}, {way}, ways());
    }
  }

  const Scene& scene_;
  Rng& rng_;
  std::vector<Thing> things_;
  std::vector<Lookup> lookups_;
};

}  // namespace

std::optional<FactType> attribute_fact(Attribute key, Attribute value) {
  using A = Attribute;
  using F = FactType;
  static const std::map<std::pair<A, A>, F> table = {
      {{A::kShape, A::kColor}, F::kShapeColor},         {{A::kColor, A::kShape}, F::kColorShape},
      {{A::kPosition, A::kColor}, F::kPositionColor},   {{A::kPosition, A::kShape}, F::kPositionShape},
      {{A::kShape, A::kPosition}, F::kShapePosition},   {{A::kColor, A::kPosition}, F::kColorPosition},
      {{A::kShape, A::kSize}, F::kShapeSize},           {{A::kColor, A::kSize}, F::kColorSize},
      {{A::kPosition, A::kSize}, F::kPositionSize},     {{A::kLetter, A::kColor}, F::kLetterColor},
      {{A::kLetter, A::kShape}, F::kLetterShape},       {{A::kLetter, A::kSize}, F::kLetterSize},
      {{A::kLetter, A::kPosition}, F::kLetterPosition}, {{A::kShape, A::kLetter}, F::kShapeLetter},
      {{A::kColor, A::kLetter}, F::kColorLetter},       {{A::kPosition, A::kLetter}, F::kPositionLetter},
      {{A::kLetter, A::kValue}, F::kLetterValue}};
  const auto found = table.find({key, value});
  if (found == table.end()) return std::nullopt;
  return found->second;
}

bool is_yes_no(const Lookup& lookup) { return lookup.domain == kYesNo; }

std::vector<Lookup> all_lookups(const Scene& scene, Rng& rng) { return LookupMaker(scene, rng).make(); }

}  // namespace scalselect::mini
