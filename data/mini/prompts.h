// The texts around a question, as instruction pools and benchmarks write them.
#pragma once

#include <string>
#include <vector>

#include "core/rng.h"
#include "data/mini/scene.h"
#include "data/mini/skills.h"

namespace scalselect::mini {

/// "Answer with the option's letter from the given choices directly." and similar requests, as in LLaVA-1.5's mix.
extern const char* const kLetterRequest;
extern const char* const kShortRequest;
extern const char* const kYesNoRequest;

/// "the image shows a chart."
std::string hint(SceneType type);

/// One message of a pool: the question, its options, and one of the usual requests (or none).
std::string pool_message(const Asked& asked, SceneType type, Rng& rng);

/// "<question>\nA. ..\nB. ..\n<letter request>", preceded by `context` and a newline if that is not empty.
std::string choice_message(const Asked& asked, const std::string& context);

}  // namespace scalselect::mini
