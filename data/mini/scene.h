// What a picture of the mini world shows, as plain values on a grid of 6 x 6 patches of 8 x 8 pixels.
//
// A patch holds at most one thing: a letter, a small shape, a quarter of a large shape, a slice of a bar, an arrow.
// Letters are drawn as capitals and written in lower case in every text. Nothing here knows about pixels (render.h),
// questions (skills.h) or facts (facts.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace scalselect::mini {

inline constexpr int kPatchSize = 8;                        ///< pixels per patch, each way
inline constexpr int kGrid = 6;                             ///< patches per image, each way
inline constexpr int kPatches = kGrid * kGrid;              ///< 36, numbered row * 6 + column
inline constexpr int kImageSize = kGrid * kPatchSize;       ///< 48 pixels
inline constexpr int kShapes = 7, kColors = 8, kSizes = 2;  ///< sizes of the enumerations below
inline constexpr int kMaxValue = 9;                         ///< largest bar
inline constexpr int kSceneTypes = 7;

enum class Shape : std::uint8_t { kCircle, kSquare, kTriangle, kDiamond, kCross, kRing, kHeart };
enum class Color : std::uint8_t { kRed, kGreen, kBlue, kYellow, kPurple, kOrange, kBlack, kCyan };
enum class Size : std::uint8_t { kSmall, kLarge };

enum class SceneType : std::uint8_t {
  kObjects,  ///< 2-6 shapes in 3 x 3 cells of 2 x 2 patches
  kLabels,   ///< 2-5 shapes in 2 x 3 cells, a letter at the right of each
  kWord,     ///< a word anywhere, plain or on a coloured sign, and 0-3 shapes
  kChart,    ///< 3-5 bars of height 1-9 over their letters
  kStacks,   ///< 3-5 columns of 1-5 stacked small shapes over their letters
  kGraph,    ///< 3-6 letters in 3 x 3 cells, arrows between neighbouring cells
  kFlow,     ///< the same with small shapes in place of letters
};

/// Which templates a scene may come from; see `split_of`.
enum class Split : std::uint8_t { kTraining, kProbe, kBenchmark };

/// A shape, a letter, or a shape with a letter at its right.
struct Item {
  int row = 0, col = 0;        ///< top left patch; a large shape takes 2 x 2 patches, everything else one
  std::optional<Shape> shape;  ///< none: the item is its letter
  Color color = Color::kRed;   ///< of the shape, or of the letter if there is no shape
  Size size = Size::kSmall;
  char letter = 0;  ///< 'b'..'z' or 0. Beside a shape it is in patch (row, col + 2), in dark ink
};

/// A bar or a stack of small shapes over the letter in row 5.
struct Column {
  int col = 0;
  char letter = 'b';
  Color color = Color::kRed;
  int value = 1;               ///< bar: 1-9, 4 pixels per unit; stack: 1-5 shapes
  std::optional<Shape> shape;  ///< stacks only
};

/// Points from one item to another in a neighbouring cell (two patches away); drawn in the patch between.
struct Arrow {
  int from = 0, to = 0;  ///< indices into Scene::items; each item starts and ends at most one arrow
};

/// 3-5 letters in consecutive patches of one row.
struct Word {
  int row = 0, col = 0;
  std::string text;           ///< lower case
  Color color = Color::kRed;  ///< of the ink, or of the sign
  bool sign = false;          ///< white letters on coloured patches
};

struct Scene {
  SceneType type = SceneType::kObjects;
  int background = 0;  ///< 0-5, a pale colour
  std::vector<Item> items;
  std::vector<Arrow> arrows;
  std::vector<Column> columns;
  std::optional<Word> word;  ///< always in kWord; a caption in row 0 elsewhere, which shares no letter with labels
};

std::string_view name(Shape shape);     ///< "circle"
std::string_view plural(Shape shape);   ///< "circles"
std::string_view name(Color color);     ///< "red"
std::string_view name(Size size);       ///< "small"
std::string_view name(SceneType type);  ///< "objects"

/// One-word name of a patch-aligned item's position: rows 0-1, 2-3, 4-5 by columns 0-1, 2-3, 4-5 (in kLabels scenes
/// columns 0-2, 3-5): "topleft", "top", "topright", "left", "center", "right", "bottomleft", "bottom", "bottomright".
std::string_view position_name(const Scene& scene, const Item& item);
/// All nine, row by row.
const std::array<std::string_view, 9>& position_names();

/// Index of the item next to `item` in direction (row_step, col_step) in units of cells, or nothing. Neighbouring cells
/// only: one cell is 2 patches (3 across in kLabels scenes).
std::optional<int> neighbor(const Scene& scene, int item, int row_step, int col_step);

/// What is where, without colours, sizes and background: the scene's template.
std::string template_key(const Scene& scene);
/// A word or template belongs to exactly one split, by a hash of its text (6/8 training, 1/8 probe, 1/8 benchmark).
Split split_of(std::string_view key);

/// A random scene whose template and word both belong to `split`. Hence no template and no word of one split ever
/// occurs in another, whatever the seeds.
Scene sample_scene(Rng& rng, SceneType type, Split split);
/// The same, of a type drawn uniformly.
Scene sample_scene(Rng& rng, Split split);

/// A pronounceable word of 3-5 letters that belongs to `split` and that the lexicon can only spell letter by letter.
std::string sample_word(Rng& rng, Split split, int length);

}  // namespace scalselect::mini
