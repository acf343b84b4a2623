// The softmax of a row of logits and its loss, in place, compiled for several instruction sets and chosen at run time.
#pragma once

#include <cstdint>

namespace scalselect::trainer {

/// x [size]: logits; afterwards softmax(x) - [i == target], the loss's derivative. Returns -log softmax(x)[target].
/// Agrees with the exact values to about 2e-7 times the result; a NaN anywhere gives NaN. The same bits on every
/// instruction set without fused multiply-add.
float softmax_slopes(float* x, std::int64_t size, std::int64_t target);

}  // namespace scalselect::trainer
