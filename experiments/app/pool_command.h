// pool: what describe prints, shared by the program with models and the one without.
#pragma once

#include "core/probes.h"
#include "experiments/app/plain_words.h"

namespace scalselect::app {

/// `pool describe` with the words of the command line. `model`: null without one.
int describe_pool_of(const PlainWords& asked, FeatureProbe* model);

/// The same with the model of model=DIR. The program without LibTorch becomes the other one instead.
int describe_with_model(const Words& words, const PlainWords& asked);

}  // namespace scalselect::app
