// The questions of each skill: subjects that are unambiguous in the scene, wordings, right and wrong answers.
#include <algorithm>
#include <map>
#include <set>

#include "data/mini/lookups.h"
#include "data/mini/skills.h"
#include "data/mini/things.h"

namespace scalselect::mini {
namespace {

using Texts = std::vector<std::string>;

/// "a circle", "an orange circle".
std::string with_article(const std::string& phrase) {
  return (std::string("aeiou").find(phrase[0]) == std::string::npos ? "a " : "an ") + phrase;
}

Texts without(Texts words, const std::string& word) {
  words.erase(std::remove(words.begin(), words.end(), word), words.end());
  return words;
}

Attribute attribute_of(Skill skill) {
  switch (skill) {
    case Skill::kColor: return Attribute::kColor;
    case Skill::kShape: return Attribute::kShape;
    case Skill::kSize: return Attribute::kSize;
    case Skill::kPosition: return Attribute::kPosition;
    case Skill::kLabel: return Attribute::kLetter;
    default: return Attribute::kValue;
  }
}

class Asker {
 public:
  Asker(const Scene& scene, Skill skill, Rng& rng) : scene_(scene), skill_(skill), rng_(rng), things_(things(scene)) {}

  std::vector<Question> make() {
    if (!serves(scene_.type, skill_)) return {};
    switch (skill_) {
      case Skill::kExist: exist(); break;
      case Skill::kCount: counts(); break;
      case Skill::kOcr: read(); break;
      case Skill::kDescribe: describe_all(); break;
      case Skill::kRelation: relations(); break;
      case Skill::kCompare: comparisons(); break;
      case Skill::kTallest: tallest(); break;
      case Skill::kArrow: arrows(); break;
      default: attributes(); break;
    }
    return std::move(found_);
  }

 private:
  bool is(SceneType type) const { return scene_.type == type; }

  Question& add(const std::string& key, std::string answer, Texts wrong, const Texts& near = {}) {
    Question question;
    question.skill = skill_;
    question.key = std::string(name(skill_)) + "/" + key;
    question.wrong = without(std::move(wrong), answer);
    for (const std::string& word : near) {
      const bool useful = std::count(question.wrong.begin(), question.wrong.end(), word) &&
                          !std::count(question.near.begin(), question.near.end(), word);
      if (useful) question.near.push_back(word);
    }
    question.answer = std::move(answer);
    found_.push_back(std::move(question));
    return found_.back();
  }

  /// Yes/no wordings from patterns with '*' in place of the value; at most six wrong values.
  void add_claims(Question& question, const Texts& patterns) {
    const auto fill = [&](const std::string& value) {
      std::string text = rng_.pick(patterns);
      return text.replace(text.find('*'), 1, value);
    };
    for (int i = 0; i < 2; ++i) question.holds.push_back(fill(question.answer));
    for (const std::string& value : question.near) question.fails.push_back(fill(value));
    for (int i = 0; i < 3 && !question.wrong.empty(); ++i) question.fails.push_back(fill(rng_.pick(question.wrong)));
  }

  std::string reference(const Thing& thing, Attribute key) const {
    const std::string& word = thing.get(key);
    const std::string kind = noun(scene_.type);
    switch (key) {
      case Attribute::kShape: return is(SceneType::kStacks) ? "the column of " + plural_of(word) : "the " + word;
      case Attribute::kColor: return "the " + word + " " + kind;
      case Attribute::kPosition: return "the " + kind + " at the " + word;
      default: return kind + " " + word;
    }
  }

  static std::string plural_of(const std::string& shape) { return shape + (shape == "cross" ? "es" : "s"); }

  Texts values_of(Attribute attribute) const {
    Texts values;
    for (const Thing& thing : things_) {
      if (!thing.get(attribute).empty()) values.push_back(thing.get(attribute));
    }
    return values;
  }

  // ---- attributes of one thing ----

  void attributes() {
    const Attribute value = attribute_of(skill_);
    for (std::size_t i = 0; i < things_.size(); ++i) {
      for (Attribute key : keys_of(things_, static_cast<int>(i))) {
        const auto values = askable(things_[i], key, scene_.type);
        if (attribute_fact(key, value) && std::count(values.begin(), values.end(), value)) {
          ask_attribute(things_[i], key, value);
        }
      }
    }
    if (scene_.word && skill_ == Skill::kColor) word_color();
    if (scene_.word && skill_ == Skill::kPosition) word_place();
  }

  void ask_attribute(const Thing& thing, Attribute key, Attribute value) {
    const std::string ref = reference(thing, key), answer = thing.get(value);
    Question& question =
        add(std::string(name(key)) + "=" + thing.get(key), answer, domain(value, scene_.type), values_of(value));
    switch (value) {
      case Attribute::kColor:
        question.open = {"what color is " + ref + "?", "which color does " + ref + " have?",
                         "name the color of " + ref + "."};
        add_claims(question, {"is " + ref + " *?", "is the color of " + ref + " *?"});
        break;
      case Attribute::kSize:
        question.open = {"what size is " + ref + "?", "is " + ref + " small or large?",
                         "name the size of " + ref + "."};
        add_claims(question, {"is " + ref + " *?", "is the size of " + ref + " *?"});
        break;
      case Attribute::kPosition:
        question.open = {"where is " + ref + "?", "what is the position of " + ref + "?",
                         "name the place of " + ref + "."};
        add_claims(question, {"is " + ref + " at the *?", "can you see " + ref + " at the *?"});
        break;
      case Attribute::kShape: word_shape(question, thing, key, ref); break;
      case Attribute::kLetter: word_letter(question, thing, key, ref); break;
      case Attribute::kValue: word_value(question, thing.letter); break;
    }
  }

  void word_shape(Question& question, const Thing& thing, Attribute key, const std::string& ref) {
    if (is(SceneType::kStacks)) {
      question.open = {"what shape is in " + ref + "?", "which shape does " + ref + " show?",
                       "name the shape in " + ref + "."};
    } else if (key == Attribute::kColor) {
      question.open = {"what is " + ref + "?", "which shape is " + thing.color + "?", "name " + ref + "."};
    } else if (key == Attribute::kPosition) {
      question.open = {"what shape is at the " + thing.position + "?", "name " + ref + ".", "what is " + ref + "?"};
    } else {
      question.open = {"what shape is labeled " + thing.letter + "?", "what is " + ref + "?",
                       "name the shape labeled " + thing.letter + "."};
    }
    const std::string claim = is(SceneType::kStacks) ? "is the shape in " + ref + " a *?" : "is " + ref + " a *?";
    add_claims(question, {claim});
  }

  void word_letter(Question& question, const Thing& thing, Attribute key, const std::string& ref) {
    if (is(SceneType::kGraph)) {
      const std::string which = key == Attribute::kColor ? thing.color : "at the " + thing.position;
      question.open = {"which letter is " + which + "?", "name " + ref + ".", "what is " + ref + "?"};
      add_claims(question, {"is " + ref + " *?", "is * " + ref + "?"});
      return;
    }
    const std::string where = is(SceneType::kLabels) ? "beside " : "under ";
    question.open = {"what letter is " + where + ref + "?", "which letter is written " + where + ref + "?",
                     "name the letter " + where + ref + "."};
    add_claims(question, {"is the letter " + where + ref + " *?", "is * the letter " + where + ref + "?"});
  }

  void word_value(Question& question, const std::string& letter) {
    if (is(SceneType::kChart)) {
      question.open = {"what is the value of bar " + letter + "?", "how high is bar " + letter + "?",
                       "what value does " + letter + " have?"};
    } else {
      question.open = {"how many shapes are in column " + letter + "?",
                       "how many shapes does column " + letter + " have?",
                       "what is the value of column " + letter + "?"};
    }
    add_claims(question, {"is the value of " + letter + " *?"});
  }

  void word_color() {
    const std::string what = scene_.word->sign ? "the sign" : "the word";
    Question& question = add("word", std::string(name(scene_.word->color)), domain(Attribute::kColor, scene_.type),
                             values_of(Attribute::kColor));
    question.open = {"what color is " + what + "?", "which color does " + what + " have?",
                     "name the color of " + what + "."};
    add_claims(question, {"is " + what + " *?"});
  }

  void word_place() {
    Question& question = add("word", word_position(*scene_.word), {"top", "center", "bottom"});
    question.open = {"where is the word?", "what is the position of the word?", "name the place of the word."};
    add_claims(question, {"is the word at the *?"});
  }

  // ---- existence, counts, text ----

  void exist() {
    std::set<std::string> shapes, letters;
    std::set<std::pair<std::string, std::string>> pairs;
    for (const Thing& thing : things_) {
      if (!thing.shape.empty()) {
        shapes.insert(thing.shape);
        pairs.emplace(thing.color, thing.shape);
      }
      if (!thing.letter.empty()) letters.insert(thing.letter);
    }
    for (const std::string& shape : shapes) {
      Texts absent;
      for (const std::string& other : domain(Attribute::kShape, scene_.type)) {
        if (!shapes.count(other)) absent.push_back(with_article(other));
      }
      exist_claims(shape, with_article(shape), absent);
    }
    for (const auto& [color, shape] : pairs)
      exist_claims(color + " " + shape, with_article(color + " " + shape), absent_pairs(pairs));
    for (const std::string& letter : letters) exist_claims(letter, "the letter " + letter, absent_letters(letters));
  }

  /// Colour and shape that do occur, but not together, come twice.
  Texts absent_pairs(const std::set<std::pair<std::string, std::string>>& pairs) {
    Texts absent;
    for (const auto& [color, other_shape] : pairs) {
      (void)other_shape;
      for (const auto& [other_color, shape] : pairs) {
        (void)other_color;
        if (!pairs.count({color, shape})) absent.push_back(with_article(color + " " + shape));
      }
    }
    for (int i = 0; i < 6; ++i) {
      const std::string color = rng_.pick(domain(Attribute::kColor, scene_.type));
      const std::string shape = rng_.pick(domain(Attribute::kShape, scene_.type));
      if (!pairs.count({color, shape})) absent.push_back(with_article(color + " " + shape));
    }
    return absent;
  }

  Texts absent_letters(const std::set<std::string>& letters) const {
    Texts absent;
    for (const std::string& letter : domain(Attribute::kLetter, scene_.type)) {
      const bool in_word = scene_.word && scene_.word->text.find(letter) != std::string::npos;
      if (!letters.count(letter) && !in_word) absent.push_back("the letter " + letter);
    }
    return absent;
  }

  void exist_claims(const std::string& key, const std::string& present, const Texts& absent) {
    if (absent.empty()) return;
    Question& question = add(key, present, absent);
    add_claims(question, {"is there * in the image?", "can you see * in the image?", "does the image show *?"});
  }

  void count_of(const std::string& what, std::size_t count) {
    if (count == 1 && !rng_.chance(0.3)) return;  // else "1" would be the answer to most counts
    Texts numbers;
    for (int i = 1; i <= kGrid; ++i) numbers.push_back(std::to_string(i));
    Question& question =
        add(what, std::to_string(count), numbers, {std::to_string(count - 1), std::to_string(count + 1)});
    question.open = {"how many " + what + " are there?", "how many " + what + " are in the image?",
                     "count the " + what + ".", "what is the number of " + what + "?"};
    add_claims(question, {"is the number of " + what + " *?"});
  }

  /// Of everything and of one colour; counts of one shape do not reach the gate in pre-training.
  void counts() {
    if (!things_.empty()) count_of(nouns(scene_.type), things_.size());
    if (!scene_.arrows.empty()) count_of("arrows", scene_.arrows.size());
    if (scene_.word) count_of("letters of the word", scene_.word->text.size());
    std::map<std::string, std::size_t> kinds;
    for (const Thing& thing : things_) ++kinds[thing.color + " " + nouns(scene_.type)];
    for (const auto& [kind, count] : kinds) count_of(kind, count);
  }

  void read() {
    if (!scene_.word) return;
    const std::string& word = scene_.word->text;
    Texts others;
    while (others.size() < 3) {
      const std::string other = sample_word(rng_, split_of(word), static_cast<int>(word.size()));
      if (other != word && !std::count(others.begin(), others.end(), other)) others.push_back(other);
    }
    Question& question = add("word", word, others);
    question.open = {"what is the word?", "what word is in the image?", "read the word.", "what does the text say?"};
    add_claims(question, {"is the word in the image *?", "does the text say *?"});
  }

  void describe_all() {
    Question& question = add("all", join_pieces(describe(scene_).pieces), {});
    question.open = {"describe the image.", "what is shown in the image?", "give a description of the image.",
                     "name all the things in the image."};
  }

  // ---- relations ----

  void relations() {
    for (const Neighborhood& pair : neighborhoods(scene_)) {
      const bool sideways = pair.direction == "right" || pair.direction == "left";
      const std::string from = pair.letters ? pair.from : "the " + pair.from;
      const std::string where = "directly " + pair.direction + (sideways ? " of " : " ") + from;
      const Attribute kind = pair.letters ? Attribute::kLetter : Attribute::kShape;
      const std::string type = pair.letters ? "letter" : "shape";
      Texts near = without(values_of(kind), pair.from);
      if (is(SceneType::kWord) && pair.letters) near.clear();
      Question& question =
          add(pair.direction + " of " + pair.from, pair.to, without(domain(kind, scene_.type), pair.from), near);
      question.open = {"what " + type + " is " + where + "?", "which " + type + " stands " + where + "?",
                       "name the " + type + " " + where + "."};
      add_claims(question, {"is " + std::string(pair.letters ? "" : "the ") + "* " + where + "?"});
    }
  }

  void comparisons() {
    for (const Column& a : scene_.columns) {
      for (const Column& b : scene_.columns) {
        if (a.value == b.value) continue;
        const std::string first(1, a.letter), second(1, b.letter);
        compare_columns(first, second, a.value > b.value);
      }
    }
    for (std::size_t i = 0; i < things_.size(); ++i) {
      for (std::size_t k = 0; k < things_.size(); ++k) {
        const Thing &a = things_[i], &b = things_[k];
        if (a.size.empty() || a.size == b.size || !has_own_shape(i) || !has_own_shape(k)) continue;
        compare_shapes(a.shape, b.shape, a.size == "large");
      }
    }
  }

  bool has_own_shape(std::size_t index) const {
    const auto keys = keys_of(things_, static_cast<int>(index));
    return std::count(keys.begin(), keys.end(), Attribute::kShape) > 0;
  }

  void compare_columns(const std::string& first, const std::string& second, bool first_wins) {
    const std::string kind = noun(scene_.type), more = first_wins ? first : second, less = first_wins ? second : first;
    Question& question = add(first + " " + second, more, {less});
    question.open = {"which " + kind + " is taller, " + first + " or " + second + "?",
                     "which " + kind + " has the larger value, " + first + " or " + second + "?"};
    question.holds = {"is " + kind + " " + more + " taller than " + kind + " " + less + "?"};
    question.fails = {"is " + kind + " " + less + " taller than " + kind + " " + more + "?"};
  }

  void compare_shapes(const std::string& first, const std::string& second, bool first_wins) {
    const std::string more = first_wins ? first : second, less = first_wins ? second : first;
    Question& question = add(first + " " + second, more, {less});
    question.open = {"which shape is larger, the " + first + " or the " + second + "?",
                     "which is the larger shape, " + first + " or " + second + "?"};
    question.holds = {"is the " + more + " larger than the " + less + "?"};
    question.fails = {"is the " + less + " larger than the " + more + "?"};
  }

  void tallest() {
    const auto& columns = scene_.columns;
    const auto best = std::max_element(columns.begin(), columns.end(),
                                       [](const Column& a, const Column& b) { return a.value < b.value; });
    const std::string kind = noun(scene_.type);
    Question& question =
        add("all", std::string(1, best->letter), values_of(Attribute::kLetter), values_of(Attribute::kLetter));
    question.open = {"which " + kind + " is the tallest?", "name the tallest " + kind + ".",
                     "which letter has the highest value?"};
    add_claims(question, {"is * the tallest " + kind + "?", "is " + kind + " * the tallest?"});
  }

  void arrows() {
    const std::string the = is(SceneType::kGraph) ? "" : "the ";
    const auto all = arrow_words(scene_);
    Texts seen;
    for (const ArrowWords& arrow : all) seen.push_back(arrow.way);
    const auto ask = [&](const std::string& side, const std::string& end, const std::string& way) {
      if (end.empty()) return;
      const std::string arrow = "the arrow " + side + " " + the + end;
      Question& question = add(side + " " + end, way, ways(), seen);
      question.open = {"which way does " + arrow + " point?", "where does " + arrow + " point?",
                       "name the way of " + arrow + "."};
      add_claims(question, {"does " + arrow + " point *?", "is " + arrow + " pointing *?"});
    };
    for (const auto& [from, to, way] : all) {
      ask("from", from, way);
      ask("to", to, way);
    }
  }

  const Scene& scene_;
  Skill skill_;
  Rng& rng_;
  std::vector<Thing> things_;
  std::vector<Question> found_;
};

}  // namespace

std::vector<Question> questions(const Scene& scene, Skill skill, Rng& rng) { return Asker(scene, skill, rng).make(); }

}  // namespace scalselect::mini
