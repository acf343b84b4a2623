// Post-processors of tokenizer.json: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scalselect::vlm::tok {

/// What all of them come to for a single text: tokens before and behind it, and whether blanks belong to a token's
/// span.
struct PostProcessor {
  std::vector<std::int64_t> before, after;
  bool trim_offsets = false;
  bool prefix_space = false;  ///< with trim_offsets: the first blank of the text was added, not given
};

/// `tree`: the "post_processor" entry, or null. Throws Unsupported.
PostProcessor make_post_processor(const nlohmann::json& tree);

/// Leaves the blanks at both ends of a byte-level token out of its span [begin, end).
void trim_span(const std::string& token, bool first, bool prefix_space, std::int64_t& begin, std::int64_t& end);

}  // namespace scalselect::vlm::tok
