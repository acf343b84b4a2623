#include "mini_oracle.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

namespace scalselect::mini {
namespace {

const char* const kShapeWords[] = {"circle", "square", "triangle", "diamond", "cross", "ring", "heart"};
const char* const kColorWords[] = {"red", "green", "blue", "yellow", "purple", "orange", "black", "cyan"};

/// A shape, letter or column with its centre in thirds of the picture.
struct Row {
  std::string shape, color, size, letter, value, position;
  double y = 0, x = 0;
};

std::string place(double y, double x) {
  const int v = static_cast<int>(y / 2), h = static_cast<int>(x / 2);
  const std::string vertical = v == 0 ? "top" : v == 1 ? "" : "bottom";
  const std::string horizontal = h == 0 ? "left" : h == 1 ? "" : "right";
  const std::string both = vertical + horizontal;
  return both.empty() ? "center" : both;
}

std::vector<Row> rows_of(const Scene& scene) {
  std::vector<Row> rows;
  for (const Item& item : scene.items) {
    Row row;
    if (item.shape) row.shape = kShapeWords[static_cast<int>(*item.shape)];
    if (item.shape) row.size = item.size == Size::kLarge ? "large" : "small";
    row.color = kColorWords[static_cast<int>(item.color)];
    if (item.letter) row.letter = item.letter;
    row.y = item.row;
    row.x = item.col;
    row.position = place(row.y, scene.type == SceneType::kLabels && item.col == 3 ? 4 : row.x);
    rows.push_back(row);
  }
  for (const Column& column : scene.columns) {
    Row row;
    if (column.shape) row.shape = kShapeWords[static_cast<int>(*column.shape)];
    row.color = kColorWords[static_cast<int>(column.color)];
    row.letter = column.letter;
    row.value = std::to_string(column.value);
    row.x = column.col;
    rows.push_back(row);
  }
  return rows;
}

std::string field(const Row& row, const std::string& name) {
  if (name == "shape") return row.shape;
  if (name == "color") return row.color;
  if (name == "size") return row.size;
  if (name == "letter" || name == "label") return row.letter;
  if (name == "position") return row.position;
  return row.value;
}

const Row* find(const std::vector<Row>& rows, const std::string& name, const std::string& value) {
  const Row* found = nullptr;
  for (const Row& row : rows) {
    if (field(row, name) != value) continue;
    if (found) return nullptr;  // ambiguous
    found = &row;
  }
  return found;
}

std::optional<std::string> count(const Scene& scene, const std::vector<Row>& rows, const std::string& what) {
  if (what == "arrows") return std::to_string(scene.arrows.size());
  if (what == "letters of the word") return std::to_string(scene.word->text.size());
  std::istringstream words(what);
  std::string first, second;
  words >> first >> second;
  const auto matches = [&](const Row& row) {
    if (!second.empty()) return row.color == first;
    if (first == "shapes" || first == "bars" || first == "columns" || first == "letters") return true;
    return first.starts_with(row.shape);
  };
  return std::to_string(std::count_if(rows.begin(), rows.end(), matches));
}

std::optional<std::string> neighbor_of(const Scene& scene, const std::vector<Row>& rows, const std::string& what) {
  const std::size_t gap = what.find(" of ");
  const std::string direction = what.substr(0, gap), from = what.substr(gap + 4);
  const int dx = direction == "right" ? 1 : direction == "left" ? -1 : 0;
  const int dy = direction == "below" ? 1 : direction == "above" ? -1 : 0;
  if (scene.type == SceneType::kWord && from.size() == 1) {
    const std::size_t at = scene.word->text.find(from);
    return std::string(1, scene.word->text[at + static_cast<std::size_t>(dx)]);
  }
  if (!scene.columns.empty()) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].letter == from) return rows[i + static_cast<std::size_t>(dx)].letter;
    }
  }
  const bool letters = scene.type == SceneType::kGraph;
  const Row* start = find(rows, letters ? "letter" : "shape", from);
  if (!start) return std::nullopt;
  const double across = scene.type == SceneType::kLabels ? 3 : 2;
  for (const Row& row : rows) {
    if (row.x == start->x + across * dx && row.y == start->y + 2 * dy) return letters ? row.letter : row.shape;
  }
  return std::nullopt;
}

std::optional<std::string> winner(const std::vector<Row>& rows, const std::string& what) {
  const std::size_t gap = what.find(' ');
  const std::string a = what.substr(0, gap), b = what.substr(gap + 1);
  const bool letters = a.size() == 1;
  const Row *first = find(rows, letters ? "letter" : "shape", a), *second = find(rows, letters ? "letter" : "shape", b);
  if (!first || !second) return std::nullopt;
  if (letters) return first->value > second->value ? a : b;
  return first->size == "large" ? a : b;
}

std::optional<std::string> arrow(const Scene& scene, const std::string& what) {
  const bool out = what.starts_with("from ");
  const std::string start = what.substr(out ? 5 : 3);
  const auto word = [&](int index) {
    const Item& item = scene.items[static_cast<std::size_t>(index)];
    return item.shape ? std::string(kShapeWords[static_cast<int>(*item.shape)]) : std::string(1, item.letter);
  };
  for (const Arrow& candidate : scene.arrows) {
    if (word(out ? candidate.from : candidate.to) != start) continue;
    const Item &from = scene.items[static_cast<std::size_t>(candidate.from)],
               &to = scene.items[static_cast<std::size_t>(candidate.to)];
    if (from.row == to.row) return from.col < to.col ? "right" : "left";
    return from.row < to.row ? "down" : "up";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> oracle(const Scene& scene, const std::string& key) {
  const std::size_t slash = key.find('/');
  const std::string skill = key.substr(0, slash), what = key.substr(slash + 1);
  const auto rows = rows_of(scene);
  if (skill == "count") return count(scene, rows, what);
  if (skill == "ocr") return scene.word->text;
  if (skill == "relation") return neighbor_of(scene, rows, what);
  if (skill == "compare") return winner(rows, what);
  if (skill == "arrow") return arrow(scene, what);
  if (skill == "tallest") {
    return std::max_element(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.value < b.value; })
        ->letter;
  }
  if (what == "word" && skill == "color") return kColorWords[static_cast<int>(scene.word->color)];
  if (what == "word") return scene.word->row < 2 ? "top" : scene.word->row < 4 ? "center" : "bottom";
  const std::size_t equals = what.find('=');
  if (equals == std::string::npos || skill == "exist") return std::nullopt;
  const Row* row = find(rows, what.substr(0, equals), what.substr(equals + 1));
  if (!row) return std::nullopt;
  return field(*row, skill);
}

}  // namespace scalselect::mini
