// Short facts about a scene for pre-training, and the lookups by which a checkpoint is judged.
//
// A fact is a sequence of lexicon pieces of which some are *values*: only these carry loss. Keys always stand before
// their values, so a value is determined by the picture and the words before it. Facts are statements
// ("circle color : red ."), never instructions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "data/mini/labels.h"
#include "data/mini/scene.h"

namespace scalselect::mini {

/// What must be looked up to know the value.
enum class FactType : std::uint8_t {
  kShapeColor,      ///< circle color : red
  kColorShape,      ///< red shape : circle
  kPositionColor,   ///< topleft color : red
  kPositionShape,   ///< topleft shape : circle
  kShapePosition,   ///< circle position : topleft
  kShapeSize,       ///< circle size : large
  kLetterColor,     ///< k color : red            (labelled shape, bar, stack, coloured letter)
  kLetterShape,     ///< k shape : circle         (labelled shape, stack)
  kLetterSize,      ///< k size : large
  kLetterPosition,  ///< k position : topleft     (graphs, labelled shapes)
  kShapeLetter,     ///< circle letter : k
  kColorLetter,     ///< red letter : k
  kWordColor,       ///< word color : red
  kWordPosition,    ///< word position : top
  kWord,            ///< word : l ##a ##m ##p
  kCountAll,        ///< count objects : 4        (bars, columns, letters, arrows ...)
  kCountShape,      ///< count circles : 2
  kCountColor,      ///< count red : 2
  kExist,           ///< exist red circle : yes
  kExistLetter,     ///< exist k : no
  kVerify,          ///< circle color red : no    (colour, position, count, value, word)
  kNeighbor,        ///< circle right : square    (shapes, letters, letters of a word, bars)
  kLetterValue,     ///< k value : 7
  kTallest,         ///< tallest : k
  kCompareValue,    ///< k m larger : m
  kCompareSize,     ///< circle square larger : circle
  kPointsTo,        ///< k to : m                 (letters and shapes)
  kPointedFrom,     ///< m from : k
  kRecord,          ///< circle : red large topleft   several values, keys first
  kDescription,     ///< a large red circle at the topleft , ...   the object's values after its place
  kOptionText,      ///< A . red B . blue : blue B red A          needs no picture
  kOptionPicture,   ///< A . red B . blue : circle B square A     option letters by content
};
inline constexpr int kFactTypes = static_cast<int>(FactType::kOptionPicture) + 1;

std::string_view name(FactType type);  ///< "shape_color"

struct Fact {
  FactType type{};
  std::vector<std::string> pieces;     ///< lexicon pieces, no specials
  std::vector<std::uint8_t> is_value;  ///< parallel to pieces: 1 = predict this piece
};

/// Every fact that holds in the scene, without noise words. Types come in very different numbers. `rng` decides
/// wordings, false statements (as many as true ones), options and their order.
std::vector<Fact> all_facts(const Scene& scene, Rng& rng);

struct FactSampling {
  int facts = 12;                          ///< drawn a scene
  double noise_share = 0.0;                ///< facts that get noise words
  int noise_before = 5;                    ///< at most so many before the fact
  int noise_between = 11;                  ///< at most so many before the first value
  std::array<double, kFactTypes> weights;  ///< relative weight of a type among those present; see default_weights

  FactSampling();
};

/// Records 8, counts, comparisons and neighbours 3-4, options 4, everything else 1.
std::array<double, kFactTypes> default_weights();

/// Draws facts by type weight, then uniformly within the type, without replacement; fewer if the scene has fewer.
std::vector<Fact> sample_facts(const Scene& scene, Rng& rng, const FactSampling& sampling);

/// A held-out question in fact form: after `prompt` (pieces up to and with ':') the greedy continuation must equal
/// `answer` (without a final '.').
struct Probe {
  FactType type{};
  std::vector<std::string> prompt, answer;
  double chance = 0;  ///< of a guess among the values that the question allows
};

/// At most one probe a type: the types that the scene supports, records and descriptions left out. Use scenes of
/// Split::kProbe.
std::vector<Probe> lookup_probes(const Scene& scene, Rng& rng);

}  // namespace scalselect::mini
