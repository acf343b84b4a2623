#include "data/mini/scene.h"

#include <algorithm>
#include <cassert>

namespace scalselect::mini {
namespace {

constexpr std::array<std::string_view, kShapes> kShapeNames = {"circle", "square", "triangle", "diamond",
                                                               "cross",  "ring",   "heart"};
constexpr std::array<std::string_view, kShapes> kShapePlurals = {"circles", "squares", "triangles", "diamonds",
                                                                 "crosses", "rings",   "hearts"};
constexpr std::array<std::string_view, kColors> kColorNames = {"red",    "green",  "blue",  "yellow",
                                                               "purple", "orange", "black", "cyan"};
constexpr std::array<std::string_view, kSceneTypes> kTypeNames = {"objects", "labels", "word", "chart",
                                                                  "stacks",  "graph",  "flow"};

std::string key_of(const Item& item) {
  std::string key = std::to_string(item.row) + std::to_string(item.col);
  key += item.shape ? static_cast<char>('0' + static_cast<int>(*item.shape)) : '.';
  key += item.letter ? item.letter : '.';
  return key;
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211ULL;
  return hash ^ (hash >> 29);  // the low bits of FNV-1a alone are weak
}

}  // namespace

std::string_view name(Shape shape) { return kShapeNames[static_cast<int>(shape)]; }
std::string_view plural(Shape shape) { return kShapePlurals[static_cast<int>(shape)]; }
std::string_view name(Color color) { return kColorNames[static_cast<int>(color)]; }
std::string_view name(Size size) { return size == Size::kSmall ? "small" : "large"; }
std::string_view name(SceneType type) { return kTypeNames[static_cast<int>(type)]; }

const std::array<std::string_view, 9>& position_names() {
  static const std::array<std::string_view, 9> names = {"topleft", "top",        "topright", "left",       "center",
                                                        "right",   "bottomleft", "bottom",   "bottomright"};
  return names;
}

std::string_view position_name(const Scene& scene, const Item& item) {
  const int third = scene.type == SceneType::kLabels ? (item.col < 3 ? 0 : 2) : item.col / 2;
  return position_names()[item.row / 2 * 3 + third];
}

std::optional<int> neighbor(const Scene& scene, int item, int row_step, int col_step) {
  const int across = scene.type == SceneType::kLabels ? 3 : 2;
  const Item& from = scene.items[item];
  for (std::size_t i = 0; i < scene.items.size(); ++i) {
    const Item& to = scene.items[i];
    if (to.row == from.row + 2 * row_step && to.col == from.col + across * col_step) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::string template_key(const Scene& scene) {
  std::string key(name(scene.type));
  std::vector<std::string> parts;
  for (const Item& item : scene.items) parts.push_back(key_of(item));
  for (const Arrow& arrow : scene.arrows) {
    parts.push_back(key_of(scene.items[arrow.from]) + ">" + key_of(scene.items[arrow.to]));
  }
  for (const Column& column : scene.columns) {
    parts.push_back(std::to_string(column.col) + column.letter + std::to_string(column.value) +
                    (column.shape ? std::string(name(*column.shape)) : ""));
  }
  if (scene.word) parts.push_back(std::to_string(scene.word->row) + std::to_string(scene.word->col) + scene.word->text);
  std::sort(parts.begin(), parts.end());
  for (const std::string& part : parts) key += "|" + part;
  return key;
}

Split split_of(std::string_view key) {
  const std::uint64_t bucket = fnv1a(key) % 8;
  return bucket == 7 ? Split::kBenchmark : bucket == 6 ? Split::kProbe : Split::kTraining;
}

}  // namespace scalselect::mini
