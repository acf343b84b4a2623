#include "data/mini/labels.h"

#include <algorithm>
#include <string_view>

namespace scalselect::mini {
namespace {

enum Task {
  kGlyph,
  kShapeOf,
  kColorOf,
  kSizeOf,
  kValue,
  kArrowOf,
  kCell,
  kWordIndex,
  kItsLetter,
  kItsShape,
  kItsColor,
  kItsSize,
  kArrowOut,
  kArrowIn,
  kRightLetter,
  kLeftLetter,
  kAboveLetter,
  kBelowLetter,
  kRightShape,
  kLeftShape,
  kAboveShape,
  kBelowShape,
  kThings,
  kSameShape,
  kSameColor,
  kWordLength,
  kArrows,
  kTaskCount
};

using Patches = std::array<std::uint8_t, kPatches>;

std::uint8_t of(char letter) { return letter ? static_cast<std::uint8_t>(letter - 'a' + 1) : 0; }
std::uint8_t of(const std::optional<Shape>& shape) {
  return shape ? static_cast<std::uint8_t>(static_cast<int>(*shape) + 1) : 0;
}
std::uint8_t of(Color color) { return static_cast<std::uint8_t>(static_cast<int>(color) + 1); }
std::uint8_t of(Size size) { return static_cast<std::uint8_t>(static_cast<int>(size) + 1); }

/// Patches of the item itself, its letter beside it not included.
std::vector<int> patches_of(const Item& item) {
  const int first = item.row * kGrid + item.col;
  if (item.shape && item.size == Size::kLarge) return {first, first + 1, first + kGrid, first + kGrid + 1};
  return {first};
}

class Labeler {
 public:
  explicit Labeler(const Scene& scene) : scene_(scene), labels(kTaskCount) {
    for (Patches& patches : labels) patches.fill(0);
    for (int i = 0; i < kPatches; ++i) labels[kCell][i] = static_cast<std::uint8_t>(i);
    for (std::size_t i = 0; i < scene.items.size(); ++i) label_item(static_cast<int>(i));
    for (const Arrow& arrow : scene.arrows) label_arrow(arrow);
    label_columns();
    if (scene.word) label_word(*scene.word);
    label_counts();
  }

 private:
  void label_item(int index) {
    const Item& item = scene_.items[index];
    for (int patch : patches_of(item)) {
      labels[kShapeOf][patch] = of(item.shape);
      labels[kColorOf][patch] = of(item.color);
      if (item.shape) {
        labels[kSizeOf][patch] = of(item.size);
        labels[kItsLetter][patch] = of(item.letter);
      } else {
        labels[kGlyph][patch] = of(item.letter);
      }
      label_neighbors(index, patch);
    }
    if (item.shape && item.letter) {
      const int patch = item.row * kGrid + item.col + 2;
      labels[kGlyph][patch] = of(item.letter);
      labels[kItsShape][patch] = of(item.shape);
      labels[kItsColor][patch] = of(item.color);
      labels[kItsSize][patch] = of(item.size);
    }
  }

  void label_neighbors(int index, int patch) {
    static constexpr std::array<std::array<int, 2>, 4> kSteps = {{{0, 1}, {0, -1}, {-1, 0}, {1, 0}}};
    for (int k = 0; k < 4; ++k) {
      const auto next = neighbor(scene_, index, kSteps[k][0], kSteps[k][1]);
      if (!next) continue;
      labels[kRightShape + k][patch] = of(scene_.items[*next].shape);
      labels[kRightLetter + k][patch] = of(scene_.items[*next].letter);
    }
  }

  void label_arrow(const Arrow& arrow) {
    const Item &from = scene_.items[arrow.from], &to = scene_.items[arrow.to];
    const int row_step = (to.row - from.row) / 2, col_step = (to.col - from.col) / 2;
    const int middle = (from.row + row_step) * kGrid + from.col + col_step;
    const int start = from.row * kGrid + from.col, end = to.row * kGrid + to.col;
    labels[kArrowOf][middle] = labels[kArrowOut][start] = labels[kArrowIn][end] =
        static_cast<std::uint8_t>(col_step == 1    ? 1
                                  : row_step == 1  ? 2
                                  : col_step == -1 ? 3
                                                   : 4);
  }

  void label_columns() {
    for (std::size_t i = 0; i < scene_.columns.size(); ++i) {
      const Column& column = scene_.columns[i];
      const int height = column.shape ? column.value : (4 * column.value + kPatchSize - 1) / kPatchSize;
      for (int up = 0; up <= height; ++up) {
        const int patch = (5 - up) * kGrid + column.col;
        labels[kValue][patch] = static_cast<std::uint8_t>(column.value);
        if (up == 0) continue;
        labels[kColorOf][patch] = of(column.color);
        labels[kShapeOf][patch] = of(column.shape);
        if (column.shape) labels[kSizeOf][patch] = of(Size::kSmall);
        labels[kItsLetter][patch] = of(column.letter);
      }
      const int patch = 5 * kGrid + column.col;
      labels[kGlyph][patch] = of(column.letter);
      labels[kItsColor][patch] = of(column.color);
      labels[kItsShape][patch] = of(column.shape);
      if (i + 1 < scene_.columns.size()) labels[kRightLetter][patch] = of(scene_.columns[i + 1].letter);
      if (i > 0) labels[kLeftLetter][patch] = of(scene_.columns[i - 1].letter);
    }
  }

  void label_word(const Word& word) {
    for (std::size_t i = 0; i < word.text.size(); ++i) {
      const int patch = word.row * kGrid + word.col + static_cast<int>(i);
      labels[kGlyph][patch] = of(word.text[i]);
      labels[kWordLength][patch] = static_cast<std::uint8_t>(word.text.size());
      labels[kColorOf][patch] = of(word.color);
      labels[kWordIndex][patch] = static_cast<std::uint8_t>(i + 1);
      if (i + 1 < word.text.size()) labels[kRightLetter][patch] = of(word.text[i + 1]);
      if (i > 0) labels[kLeftLetter][patch] = of(word.text[i - 1]);
    }
  }

  /// How many there are: of all things on every patch, of the same shape or colour on the things themselves.
  void label_counts() {
    labels[kThings].fill(static_cast<std::uint8_t>(scene_.items.size() + scene_.columns.size()));
    labels[kArrows].fill(static_cast<std::uint8_t>(scene_.arrows.size()));
    std::array<int, kShapes + 1> shapes{};
    std::array<int, kColors + 1> colors{};
    for (const Item& item : scene_.items) {
      ++shapes[of(item.shape)];
      ++colors[of(item.color)];
    }
    for (const Column& column : scene_.columns) ++colors[of(column.color)];
    for (const Item& item : scene_.items) {
      for (int patch : patches_of(item)) {
        if (item.shape) labels[kSameShape][patch] = static_cast<std::uint8_t>(shapes[of(item.shape)]);
        labels[kSameColor][patch] = static_cast<std::uint8_t>(colors[of(item.color)]);
      }
    }
    for (const Column& column : scene_.columns) {
      for (int row = 0; row < kGrid; ++row) {
        const int patch = row * kGrid + column.col;
        if (labels[kValue][patch]) labels[kSameColor][patch] = static_cast<std::uint8_t>(colors[of(column.color)]);
      }
    }
  }

  const Scene& scene_;

 public:
  std::vector<Patches> labels;
};

}  // namespace

const std::vector<LabelTask>& label_tasks() {
  static const std::vector<LabelTask> tasks = {
      {"glyph", 27},       {"shape", 8},         {"color", 9},         {"size", 3},        {"value", 10},
      {"arrow", 5},        {"cell", kPatches},   {"word_index", 6},    {"its_letter", 27}, {"its_shape", 8},
      {"its_color", 9},    {"its_size", 3},      {"arrow_out", 5},     {"arrow_in", 5},    {"right_letter", 27},
      {"left_letter", 27}, {"above_letter", 27}, {"below_letter", 27}, {"right_shape", 8}, {"left_shape", 8},
      {"above_shape", 8},  {"below_shape", 8},   {"things", 8},        {"same_shape", 8},  {"same_color", 8},
      {"word_length", 6},  {"arrows", 8}};
  return tasks;
}

std::vector<std::array<std::uint8_t, kPatches>> patch_labels(const Scene& scene) { return Labeler(scene).labels; }

}  // namespace scalselect::mini
