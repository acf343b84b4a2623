// Post-processors of tokenizer.json: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scalselect::vlm::tok {

/// The effect of all of them on a single text: tokens before and after it, and whether spaces belong to a token's
/// span.
struct PostProcessor {
  std::vector<std::int64_t> before, after;
  bool trim_offsets = false;
  bool prefix_space = false;  ///< with trim_offsets: the first space of the text was added
};

/// `tree`: the "post_processor" entry, or null. Throws Unsupported.
PostProcessor make_post_processor(const nlohmann::json& tree);

/// Excludes the spaces at both ends of a byte-level token from its span [begin, end).
void trim_span(const std::string& token, bool first, bool prefix_space, std::int64_t& begin, std::int64_t& end);

}  // namespace scalselect::vlm::tok
