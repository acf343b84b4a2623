// Greedy decoding of token ids with a key/value cache, in batches padded on the left.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vlm/libtorch.h"
#include "vlm/vlm.h"

namespace scalselect::vlm {

struct GreedyOptions {
  int max_new_tokens = 32;  ///< the stop token counts
  /// != 1: logits of ids that the prompt or the answer holds already are divided by it (multiplied, if negative), as
  /// transformers' RepetitionPenaltyLogitsProcessor does.
  double repetition_penalty = 1.0;
  std::vector<std::int64_t> stop_ids;  ///< generation ends after the first of these
  std::int64_t pad_id = 0;             ///< any id of the vocabulary; real tokens never attend to it
  /// What follows the pictures (or the whole prompt, where nothing is shared) is padded to a multiple of this: the
  /// length depends on the prompt alone, not on the others in its batch.
  std::int64_t length_multiple = 16;
  /// Decoding steps are run with at least this many rows: below about 16 rows matrix libraries take other code paths,
  /// whose last bits differ, and an answer could depend on how many others are in the batch.
  std::int64_t least_rows = 16;
};

/// One prompt: token ids with the image placeholders expanded, and the visual tokens of its images.
struct GreedyPrompt {
  std::vector<std::int64_t> ids;
  VisualTokens visual;  ///< of its images; rows undefined without images
  /// How many leading ids, all image tokens among them, are read in a pass of their own, which prompts of equal
  /// `shared` have in common. 0: the prompt is read at once. Must leave an id.
  std::int64_t prefix = 0;
  std::string shared = {};  ///< identity of prefix and images: prompts with the same one have the same of both
};

/// The generated ids of each prompt, stop id included. Prompts of one prefix length and one padded length behind it
/// (`padded_length`) are run as one batch; each distinct prefix is computed once. An answer does not depend on the
/// other prompts. Float32 argmax, ties to the lowest id. Logits are computed at the last position only.
/// Throws UserError(kInput) if a prompt's image tokens do not fit its features, UserError(kDiverged) for logits of NaN
/// or infinity.
std::vector<std::vector<std::int64_t>> generate_greedy(Vlm model, const std::vector<GreedyPrompt>& prompts,
                                                       const GreedyOptions& options);

/// Length that `length` tokens are padded to.
std::int64_t padded_length(std::int64_t length, const GreedyOptions& options);

}  // namespace scalselect::vlm
