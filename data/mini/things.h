// Everything that can be asked about, in one form: shapes, letters and columns with their attributes, and the words by
// which exactly one of them is identified. Facts and questions are both built on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/mini/scene.h"

namespace scalselect::mini {

enum class Attribute : std::uint8_t { kShape, kColor, kSize, kPosition, kLetter, kValue };
inline constexpr int kAttributes = 6;

/// "shape", "color", "size", "position", "letter", "value".
std::string_view name(Attribute attribute);

/// An item or a column. Attributes that it lacks are empty.
struct Thing {
  std::string shape, color, size, position, letter, value;  ///< as written in texts: "circle", "topleft", "k", "7"
  const std::string& get(Attribute attribute) const;
};

/// Items first, or columns from left to right.
std::vector<Thing> things(const Scene& scene);

/// What a thing is called in this type of scene: "shape", "letter", "bar" or "column".
std::string noun(SceneType type);
std::string nouns(SceneType type);  ///< plural

/// The attributes by which thing `index` differs from all others (shape, color, position or letter; never size or
/// value).
std::vector<Attribute> keys_of(const std::vector<Thing>& all, int index);

/// The attributes of thing `index` that may be asked for when it is named by `key`: those it has, less the key itself.
std::vector<Attribute> askable(const Thing& thing, Attribute key, SceneType type);

/// Every word an attribute can take in this type of scene (positions: those of its cells).
const std::vector<std::string>& domain(Attribute attribute, SceneType type);

/// The thing next to another: shapes and letters in neighbouring cells, columns by order, letters of the word.
struct Neighborhood {
  std::string from;       ///< the word for the first thing (its shape, or its letter)
  std::string direction;  ///< "right", "left", "above", "below": where the second is, seen from the first
  std::string to;         ///< shape or letter of the second thing
  bool letters = false;   ///< both are letters, else both are shapes
};
std::vector<Neighborhood> neighborhoods(const Scene& scene);

/// An arrow by the words (shapes or letters) that name its ends; an end that no word names alone is empty.
struct ArrowWords {
  std::string from, to;
  std::string way;  ///< one of `ways()`: the direction in which it points
};
std::vector<ArrowWords> arrow_words(const Scene& scene);
/// "right", "left", "up", "down".
const std::vector<std::string>& ways();

/// "top", "center" or "bottom".
std::string word_position(const Word& word);

/// A text in reading order ("at the topleft a large red circle , ..."), with the pieces that the picture determines.
struct Description {
  std::vector<std::string> pieces;
  std::vector<std::uint8_t> is_value;
};
Description describe(const Scene& scene);

/// Pieces as a text: "##" parts joined, no blank before punctuation.
std::string join_pieces(const std::vector<std::string>& pieces);

}  // namespace scalselect::mini
