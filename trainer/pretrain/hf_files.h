// The small files of the mini VLM's HF folder: tokenizer, image processor, stop ids, model card.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "trainer/pretrain/options.h"

namespace scalselect::pretrain {

/// WordPiece over mini::lexicon(): white space splits, punctuation is separate, `<s>` is put in front.
nlohmann::ordered_json tokenizer_json();

/// Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json, preprocessor_config.json and
/// generation_config.json into `folder`.
void write_processor_files(const std::filesystem::path& folder);

/// Writes probes.json and README.md (options, command, `table` of probes, parameter count).
void write_model_card(const std::filesystem::path& folder, const PretrainOptions& options,
                      const nlohmann::ordered_json& probes, const std::string& table, std::int64_t parameters);

}  // namespace scalselect::pretrain
