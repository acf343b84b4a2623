// Short facts about a scene for pre-training, and the lookups by which a checkpoint is judged.
//
// A fact is a sequence of lexicon pieces of which some are *values*: only these carry loss. Keys always come before
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

/// What must be looked up to find the value. Wordings vary; the examples show one.
enum class FactType : std::uint8_t {
  kShapeColor,      ///< circle color : red
  kColorShape,      ///< red shape : circle
  kPositionColor,   ///< topleft color : red
  kPositionShape,   ///< topleft shape : circle
  kShapePosition,   ///< circle position : topleft
  kColorPosition,   ///< red shape position : topleft
  kShapeSize,       ///< circle size : large
  kColorSize,       ///< red shape size : large
  kPositionSize,    ///< topleft size : large
  kLetterColor,     ///< bar k color : red           (labelled shape, bar, stack, coloured letter)
  kLetterShape,     ///< k shape : circle            (labelled shape, stack)
  kLetterSize,      ///< k size : large
  kLetterPosition,  ///< k position : topleft
  kShapeLetter,     ///< circle letter : k
  kColorLetter,     ///< red letter : k
  kPositionLetter,  ///< topleft letter : k
  kLetterValue,     ///< k value : 7
  kWord,            ///< word : l ##a ##m ##p
  kWordColor,       ///< word color : red
  kWordPosition,    ///< word position : top
  kCountAll,        ///< count shapes : 4            (shapes, bars, columns, letters, arrows)
  kCountShape,      ///< count circles : 2
  kCountColor,      ///< count red shapes : 2
  kExist,           ///< exist red circle : yes
  kExistLetter,     ///< exist letter k : no
  kVerify,          ///< circle is red : no          (every attribute, counts, words)
  kNeighbor,        ///< right of circle : square    (shapes, letters, letters of a word, columns)
  kTallest,         ///< tallest bar : k
  kCompareValue,    ///< taller k m : m
  kCompareSize,     ///< larger circle square : circle
  kArrowOut,        ///< arrow from k : right        (letters and shapes)
  kArrowIn,         ///< arrow to m : right
  kRecord,          ///< circle : red large topleft .  or  color : circle red , square blue .   several values
  kDescription,     ///< at the topleft a large red circle , ...   the answer to the skill `describe`
  kOptionText,      ///< A . red B . blue : blue B , red A          needs no picture
  kOptionPicture,   ///< circle color A . red B . blue : A          option letters by content
};
inline constexpr int kFactTypes = static_cast<int>(FactType::kOptionPicture) + 1;

std::string_view name(FactType type);  ///< "shape_color"

struct Fact {
  FactType type{};
  std::vector<std::string> pieces;     ///< lexicon pieces, no specials
  std::vector<std::uint8_t> is_value;  ///< parallel to pieces: 1 = predict this piece
  int choices = 0;                     ///< how many values are possible for the first one; 0: open (words, records)
};

/// Every fact that holds in the scene, without noise words. Types come in very different numbers. `rng` decides
/// wordings, false statements (as many as true ones), options and their order.
std::vector<Fact> all_facts(const Scene& scene, Rng& rng);

/// For a model that knows the attributes already: the facts that take two steps (counts, statements, neighbours,
/// arrows, options over the picture) weigh most, records little.
std::array<double, kFactTypes> late_weights();

/// For a model that has learned the lookups: option letters by content, a lookup followed by a comparison,
/// weigh most.
std::array<double, kFactTypes> choice_weights();

struct FactSampling {
  int facts = 12;                          ///< drawn per scene
  double noise_share = 0.0;                ///< facts that get noise words
  int noise_before = 5;                    ///< at most this many before the fact
  int noise_between = 11;                  ///< at most this many before the first value
  std::array<double, kFactTypes> weights;  ///< relative weight of a type among those present; see default_weights

  FactSampling();
};

/// Records 10, options by content 5, what is slow to form or rare 2-4, everything else 1.
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

/// Whether a skill asks for it. The others are for learning only: records and descriptions hold several values,
/// and no question of the mini world asks for counts of one shape.
bool is_lookup_of_a_skill(FactType type);

/// At most one probe per type: the lookups of skills that the scene supports. Use scenes of Split::kProbe.
std::vector<Probe> lookup_probes(const Scene& scene, Rng& rng);

}  // namespace scalselect::mini
