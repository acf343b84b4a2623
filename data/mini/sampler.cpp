// Random scenes, one recipe per scene type; rejection keeps those whose template belongs to the requested split.
#include <algorithm>
#include <numeric>

#include "data/mini/lexicon.h"
#include "data/mini/scene.h"

namespace scalselect::mini {
namespace {

template <class E>
E draw(Rng& rng, int count) {
  return static_cast<E>(rng.below(static_cast<std::uint64_t>(count)));
}

/// The first `count` of 0..size-1 in random order.
std::vector<int> sample_indices(Rng& rng, int size, int count) {
  std::vector<int> all(size);
  std::iota(all.begin(), all.end(), 0);
  rng.shuffle(all);
  all.resize(count);
  return all;
}

/// Distinct values for part of the scenes, so that lookups by them are unambiguous; repeated ones for the rest, so
/// that counting means something.
std::vector<int> attributes(Rng& rng, int kinds, int count, double distinct) {
  if (rng.chance(distinct)) return sample_indices(rng, kinds, count);
  std::vector<int> values(count);
  const std::vector<int> few = sample_indices(rng, kinds, std::max(1, std::min(kinds, (count + 1) / 2)));
  for (int& value : values) value = rng.pick(few);
  return values;
}

// 'a' is not used as a label: in a text it would read as the article.
std::vector<char> letters(Rng& rng, int count) {
  std::vector<char> result;
  for (int i : sample_indices(rng, 25, count)) result.push_back(static_cast<char>('b' + i));
  return result;
}

void add_caption(Scene& scene, Rng& rng, Split split, double share) {
  if (!rng.chance(share)) return;
  Word word;
  word.text = sample_word(rng, split, static_cast<int>(rng.between(3, 5)));
  word.col = static_cast<int>(rng.between(0, kGrid - static_cast<int>(word.text.size())));
  word.color = draw<Color>(rng, kColors);
  word.sign = rng.chance(0.5);
  scene.word = word;
}

/// Shapes with sizes in the given cells, (row, col) of each top left patch.
void add_shapes(Scene& scene, Rng& rng, const std::vector<std::pair<int, int>>& cells, double large) {
  const int count = static_cast<int>(cells.size());
  const auto shapes = attributes(rng, kShapes, count, 0.6);
  const auto colors = attributes(rng, kColors, count, 0.7);
  for (int i = 0; i < count; ++i) {
    Item item;
    item.row = cells[i].first;
    item.col = cells[i].second;
    item.shape = static_cast<Shape>(shapes[i]);
    item.color = static_cast<Color>(colors[i]);
    item.size = rng.chance(large) ? Size::kLarge : Size::kSmall;
    scene.items.push_back(item);
  }
}

/// `count` of the cells in rows from `first_row` (in cells) on.
std::vector<std::pair<int, int>> cells(Rng& rng, int first_row, int columns, int width, int count) {
  std::vector<std::pair<int, int>> result;
  for (int i : sample_indices(rng, (3 - first_row) * columns, count)) {
    result.emplace_back(2 * (first_row + i / columns), width * (i % columns));
  }
  return result;
}

void fill_objects(Scene& scene, Rng& rng, Split split) {
  add_caption(scene, rng, split, 0.2);
  const int top = scene.word ? 1 : 0;
  add_shapes(scene, rng, cells(rng, top, 3, 2, static_cast<int>(rng.between(2, scene.word ? 4 : 6))), 0.5);
}

void fill_labels(Scene& scene, Rng& rng, Split split) {
  add_caption(scene, rng, split, 0.2);
  const int top = scene.word ? 1 : 0;
  add_shapes(scene, rng, cells(rng, top, 2, 3, static_cast<int>(rng.between(2, scene.word ? 4 : 5))), 0.5);
  const auto names = letters(rng, static_cast<int>(scene.items.size()));
  for (std::size_t i = 0; i < names.size(); ++i) scene.items[i].letter = names[i];
}

void fill_word(Scene& scene, Rng& rng, Split split) {
  add_caption(scene, rng, split, 1.0);
  scene.word->row = static_cast<int>(rng.below(kGrid));
  std::vector<std::pair<int, int>> free;
  for (int cell = 0; cell < 9; ++cell) {
    if (scene.word->row / 2 != cell / 3) free.emplace_back(2 * (cell / 3), 2 * (cell % 3));
  }
  rng.shuffle(free);
  free.resize(rng.below(4));
  add_shapes(scene, rng, free, 0.5);
}

/// Columns over letters; the largest value occurs once.
void fill_columns(Scene& scene, Rng& rng, int highest, bool stacks) {
  const int count = static_cast<int>(rng.between(3, 5));
  const auto names = letters(rng, count);
  const auto colors = attributes(rng, kColors, count, 0.85);
  const auto shapes = attributes(rng, kShapes, count, 0.7);
  auto places = sample_indices(rng, kGrid, count);
  std::sort(places.begin(), places.end());
  for (int i = 0; i < count; ++i) {
    Column column;
    column.col = places[i];
    column.letter = names[i];
    column.color = static_cast<Color>(colors[i]);
    column.value = static_cast<int>(rng.between(1, highest));
    if (stacks) column.shape = static_cast<Shape>(shapes[i]);
    scene.columns.push_back(column);
  }
}

bool has_one_tallest(const Scene& scene) {
  int best = 0, times = 0;
  for (const Column& column : scene.columns) best = std::max(best, column.value);
  for (const Column& column : scene.columns) times += column.value == best;
  return times == 1;
}

void fill_chart(Scene& scene, Rng& rng, Split split) {
  add_caption(scene, rng, split, 0.2);
  fill_columns(scene, rng, scene.word ? 7 : kMaxValue, false);
}

void fill_stacks(Scene& scene, Rng& rng, Split split) {
  add_caption(scene, rng, split, 0.2);
  fill_columns(scene, rng, scene.word ? 4 : 5, true);
}

/// Arrows between neighbouring cells; an item starts and ends at most one, and never points back at its pointer.
void add_arrows(Scene& scene, Rng& rng) {
  const int count = static_cast<int>(scene.items.size());
  std::vector<Arrow> candidates;
  for (int from = 0; from < count; ++from) {
    for (const auto& [row, col] : {std::pair{0, 1}, {1, 0}, {0, -1}, {-1, 0}}) {
      if (const auto to = neighbor(scene, from, row, col)) candidates.push_back({from, *to});
    }
  }
  rng.shuffle(candidates);
  for (const Arrow& arrow : candidates) {
    const bool clashes = std::any_of(scene.arrows.begin(), scene.arrows.end(), [&](const Arrow& other) {
      return other.from == arrow.from || other.to == arrow.to || (other.from == arrow.to && other.to == arrow.from);
    });
    if (!clashes && rng.chance(0.85)) scene.arrows.push_back(arrow);
  }
}

void fill_graph(Scene& scene, Rng& rng, Split split, bool shapes) {
  add_caption(scene, rng, split, 0.15);
  const auto places = cells(rng, scene.word ? 1 : 0, 3, 2, static_cast<int>(rng.between(3, scene.word ? 5 : 6)));
  const int count = static_cast<int>(places.size());
  const auto kinds = sample_indices(rng, kShapes, count);
  const auto names = letters(rng, count);
  const auto colors = attributes(rng, kColors, count, 0.8);
  for (int i = 0; i < count; ++i) {
    Item item;
    item.row = places[i].first;
    item.col = places[i].second;
    item.color = static_cast<Color>(colors[i]);
    if (shapes) item.shape = static_cast<Shape>(kinds[i]);
    else item.letter = names[i];
    scene.items.push_back(item);
  }
  add_arrows(scene, rng);
}

Scene random_scene(Rng& rng, SceneType type, Split split) {
  Scene scene;
  scene.type = type;
  scene.background = static_cast<int>(rng.below(6));
  switch (type) {
    case SceneType::kObjects: fill_objects(scene, rng, split); break;
    case SceneType::kLabels: fill_labels(scene, rng, split); break;
    case SceneType::kWord: fill_word(scene, rng, split); break;
    case SceneType::kChart: fill_chart(scene, rng, split); break;
    case SceneType::kStacks: fill_stacks(scene, rng, split); break;
    case SceneType::kGraph: fill_graph(scene, rng, split, false); break;
    case SceneType::kFlow: fill_graph(scene, rng, split, true); break;
  }
  return scene;
}

/// A label that also occurs in the caption would be ambiguous.
bool has_twin_letters(const Scene& scene) {
  const auto in_word = [&](char letter) { return letter && scene.word->text.find(letter) != std::string::npos; };
  if (!scene.word) return false;
  return std::any_of(scene.items.begin(), scene.items.end(), [&](const Item& item) { return in_word(item.letter); }) ||
         std::any_of(scene.columns.begin(), scene.columns.end(),
                     [&](const Column& column) { return in_word(column.letter); });
}

bool is_sound(const Scene& scene) {
  if (has_twin_letters(scene)) return false;
  if (!scene.columns.empty()) return has_one_tallest(scene);
  if (scene.type == SceneType::kGraph || scene.type == SceneType::kFlow) return !scene.arrows.empty();
  return true;
}

}  // namespace

Scene sample_scene(Rng& rng, SceneType type, Split split) {
  for (;;) {
    Scene scene = random_scene(rng, type, split);
    if (is_sound(scene) && split_of(template_key(scene)) == split) return scene;
  }
}

Scene sample_scene(Rng& rng, Split split) { return sample_scene(rng, draw<SceneType>(rng, kSceneTypes), split); }

std::string sample_word(Rng& rng, Split split, int length) {
  static const std::string consonants = "bcdfghjklmnpqrstvwxyz", vowels = "aeiou";
  for (;;) {
    std::string word;
    bool vowel = rng.chance(0.3);
    for (int i = 0; i < length; ++i, vowel = !vowel) {
      const std::string& from = vowel ? vowels : consonants;
      word += from[rng.below(from.size())];
    }
    if (split_of(word) == split && !starts_with_lexicon_word(word)) return word;
  }
}

}  // namespace scalselect::mini
