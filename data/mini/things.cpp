#include "data/mini/things.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace scalselect::mini {
namespace {

std::string text(std::string_view view) { return std::string(view); }

Thing thing_of(const Scene& scene, const Item& item) {
  Thing thing;
  if (item.shape) {
    thing.shape = text(name(*item.shape));
    thing.size = text(name(item.size));
  }
  thing.color = text(name(item.color));
  thing.position = text(position_name(scene, item));
  if (item.letter) thing.letter = std::string(1, item.letter);
  return thing;
}

Thing thing_of(const Column& column) {
  Thing thing;
  if (column.shape) thing.shape = text(name(*column.shape));
  thing.color = text(name(column.color));
  thing.letter = std::string(1, column.letter);
  thing.value = std::to_string(column.value);
  return thing;
}

std::vector<std::string> make_domain(Attribute attribute, SceneType type) {
  std::vector<std::string> words;
  switch (attribute) {
    case Attribute::kShape:
      for (int i = 0; i < kShapes; ++i) words.push_back(text(name(static_cast<Shape>(i))));
      break;
    case Attribute::kColor:
      for (int i = 0; i < kColors; ++i) words.push_back(text(name(static_cast<Color>(i))));
      break;
    case Attribute::kSize: words = {"small", "large"}; break;
    case Attribute::kPosition:
      for (std::size_t i = 0; i < 9; ++i) {
        if (type != SceneType::kLabels || i % 3 != 1) words.push_back(text(position_names()[i]));
      }
      break;
    case Attribute::kLetter:
      for (char c = 'b'; c <= 'z'; ++c) words.emplace_back(1, c);
      break;
    case Attribute::kValue:
      for (int i = 1; i <= (type == SceneType::kStacks ? 5 : kMaxValue); ++i) words.push_back(std::to_string(i));
      break;
  }
  return words;
}

/// The word for a thing in relations: its shape if that is unique, or its letter.
std::string relation_word(const std::vector<Thing>& all, int index, bool letters) {
  const Attribute wanted = letters ? Attribute::kLetter : Attribute::kShape;
  const auto keys = keys_of(all, index);
  return std::find(keys.begin(), keys.end(), wanted) == keys.end() ? "" : all[index].get(wanted);
}

void add_item_neighbors(const Scene& scene, const std::vector<Thing>& all, std::vector<Neighborhood>& found) {
  static constexpr std::array<std::tuple<const char*, int, int>, 4> kSteps = {
      {{"right", 0, 1}, {"left", 0, -1}, {"above", -1, 0}, {"below", 1, 0}}};
  const bool letters = scene.type == SceneType::kGraph;
  for (std::size_t i = 0; i < scene.items.size(); ++i) {
    const std::string from = relation_word(all, static_cast<int>(i), letters);
    if (from.empty()) continue;
    for (const auto& [direction, row, col] : kSteps) {
      const auto next = neighbor(scene, static_cast<int>(i), row, col);
      if (!next) continue;
      const Thing& to = all[*next];
      if (letters || to.shape != from) found.push_back({from, direction, letters ? to.letter : to.shape, letters});
    }
  }
}

void add_row(const std::vector<std::string>& row, std::vector<Neighborhood>& found) {
  for (std::size_t i = 0; i + 1 < row.size(); ++i) {
    found.push_back({row[i], "right", row[i + 1], true});
    found.push_back({row[i + 1], "left", row[i], true});
  }
}

/// Collects the pieces of a description.
class Writer {
 public:
  Writer& say(std::string_view words) {
    for (std::size_t begin = 0; begin < words.size();) {
      std::size_t end = std::min(words.find(' ', begin), words.size());
      push(text(words.substr(begin, end - begin)), false);
      begin = end + 1;
    }
    return *this;
  }
  Writer& tell(const std::string& value) {
    push(value, true);
    return *this;
  }
  Writer& tell_word(const std::string& word) {
    for (std::size_t i = 0; i < word.size(); ++i) push((i ? "##" : "") + std::string(1, word[i]), true);
    return *this;
  }
  Writer& next() {
    if (!description.pieces.empty()) say(",");
    return *this;
  }
  Description description;

 private:
  void push(std::string piece, bool value) {
    description.pieces.push_back(std::move(piece));
    description.is_value.push_back(value);
  }
};

void describe_item(Writer& writer, SceneType type, const Thing& thing) {
  writer.next().say("at the").tell(thing.position);
  if (type == SceneType::kGraph) {
    writer.say("letter").tell(thing.letter).say("in").tell(thing.color);
    return;
  }
  writer.say("a").tell(thing.size).tell(thing.color).tell(thing.shape);
  if (type == SceneType::kLabels) writer.say("labeled").tell(thing.letter);
}

void describe_column(Writer& writer, SceneType type, const Thing& thing) {
  writer.next().say(noun(type)).tell(thing.letter);
  if (type == SceneType::kChart) writer.say("is").tell(thing.color).say("with value").tell(thing.value);
  else writer.say("has").tell(thing.value).tell(thing.color).tell(thing.shape + (thing.shape == "cross" ? "es" : "s"));
}

}  // namespace

std::string_view name(Attribute attribute) {
  static constexpr std::array<std::string_view, kAttributes> kNames = {"shape",    "color",  "size",
                                                                       "position", "letter", "value"};
  return kNames[static_cast<int>(attribute)];
}

const std::string& Thing::get(Attribute attribute) const {
  switch (attribute) {
    case Attribute::kShape: return shape;
    case Attribute::kColor: return color;
    case Attribute::kSize: return size;
    case Attribute::kPosition: return position;
    case Attribute::kLetter: return letter;
    case Attribute::kValue: break;
  }
  return value;
}

std::vector<Thing> things(const Scene& scene) {
  std::vector<Thing> all;
  for (const Item& item : scene.items) all.push_back(thing_of(scene, item));
  for (const Column& column : scene.columns) all.push_back(thing_of(column));
  return all;
}

std::string noun(SceneType type) {
  switch (type) {
    case SceneType::kChart: return "bar";
    case SceneType::kStacks: return "column";
    case SceneType::kGraph: return "letter";
    default: return "shape";
  }
}

std::string nouns(SceneType type) { return noun(type) + "s"; }

std::vector<Attribute> keys_of(const std::vector<Thing>& all, int index) {
  std::vector<Attribute> keys;
  for (Attribute key : {Attribute::kShape, Attribute::kColor, Attribute::kPosition, Attribute::kLetter}) {
    const std::string& word = all[index].get(key);
    const auto same = std::count_if(all.begin(), all.end(), [&](const Thing& other) { return other.get(key) == word; });
    if (!word.empty() && same == 1) keys.push_back(key);
  }
  return keys;
}

std::vector<Attribute> askable(const Thing& thing, Attribute key, SceneType type) {
  std::vector<Attribute> result;
  for (int a = 0; a < kAttributes; ++a) {
    const auto attribute = static_cast<Attribute>(a);
    if (attribute == key || thing.get(attribute).empty()) continue;
    if (attribute == Attribute::kSize && type == SceneType::kFlow) continue;  // all are small
    result.push_back(attribute);
  }
  return result;
}

const std::vector<std::string>& domain(Attribute attribute, SceneType type) {
  static const auto table = [] {
    std::array<std::array<std::vector<std::string>, kSceneTypes>, kAttributes> all;
    for (int a = 0; a < kAttributes; ++a) {
      for (int t = 0; t < kSceneTypes; ++t) {
        all[a][t] = make_domain(static_cast<Attribute>(a), static_cast<SceneType>(t));
      }
    }
    return all;
  }();
  return table[static_cast<int>(attribute)][static_cast<int>(type)];
}

std::vector<Neighborhood> neighborhoods(const Scene& scene) {
  std::vector<Neighborhood> found;
  const auto all = things(scene);
  add_item_neighbors(scene, all, found);
  std::vector<std::string> row;
  for (const Column& column : scene.columns) row.emplace_back(1, column.letter);
  add_row(row, found);
  if (scene.type == SceneType::kWord) {
    row.clear();
    for (char c : scene.word->text) row.emplace_back(1, c);
    auto sorted = row;
    std::sort(sorted.begin(), sorted.end());
    const bool distinct = std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
    if (distinct && sorted.front() != "a") add_row(row, found);
  }
  return found;
}

std::vector<ArrowWords> arrow_words(const Scene& scene) {
  std::vector<ArrowWords> result;
  const auto all = things(scene);
  const bool letters = scene.type == SceneType::kGraph;
  for (const Arrow& arrow : scene.arrows) {
    const Item &from = scene.items[arrow.from], &to = scene.items[arrow.to];
    const char* way = to.col > from.col ? "right" : to.col < from.col ? "left" : to.row < from.row ? "up" : "down";
    result.push_back({relation_word(all, arrow.from, letters), relation_word(all, arrow.to, letters), way});
  }
  return result;
}

const std::vector<std::string>& ways() {
  static const std::vector<std::string> all = {"right", "left", "up", "down"};
  return all;
}

std::string word_position(const Word& word) { return word.row < 2 ? "top" : word.row < 4 ? "center" : "bottom"; }

Description describe(const Scene& scene) {
  Writer writer;
  if (scene.word) {
    writer.say("the word").tell_word(scene.word->text).say("in").tell(text(name(scene.word->color)));
  }
  const auto all = things(scene);
  std::vector<std::pair<int, int>> order;  // (reading order, index)
  for (std::size_t i = 0; i < scene.items.size(); ++i) {
    order.emplace_back(scene.items[i].row * kGrid + scene.items[i].col, static_cast<int>(i));
  }
  std::sort(order.begin(), order.end());
  for (const auto& entry : order) describe_item(writer, scene.type, all[entry.second]);
  if (!scene.columns.empty()) {
    for (const Thing& column : all) describe_column(writer, scene.type, column);
  }
  for (const auto& entry : order) {
    for (const Arrow& arrow : scene.arrows) {
      if (arrow.from != entry.second) continue;
      const bool letters = scene.type == SceneType::kGraph;
      writer.next().tell(letters ? all[arrow.from].letter : all[arrow.from].shape).say("points to");
      writer.tell(letters ? all[arrow.to].letter : all[arrow.to].shape);
    }
  }
  writer.say(".");
  return writer.description;
}

std::string join_pieces(const std::vector<std::string>& pieces) {
  std::string result;
  for (const std::string& piece : pieces) {
    if (piece.starts_with("##")) {
      result += piece.substr(2);
    } else {
      const bool glued = result.empty() || piece == "," || piece == "." || piece == "?" || piece == ":";
      result += (glued ? "" : " ") + piece;
    }
  }
  return result;
}

}  // namespace scalselect::mini
