// Weights in four bits: NF4 with double quantisation (QLoRA, arXiv:2305.14314), as bitsandbytes has it with
// quant_type "nf4", blocksize 64 and compress_statistics.
//
// 64 consecutive weights (in row order, across rows) are a block. Each is stored as the nearest of 16 values times the
// block's largest magnitude. Those magnitudes, less their mean, are stored in eight bits: 256 of them are a group, each
// the nearest of 256 values times the group's largest magnitude. That makes 4.127 bits a weight.
//
// The arithmetic is that of bitsandbytes' portable and CUDA implementations, bit for bit but for one sum: the mean of
// the magnitudes is taken in double precision and then rounded, so that it depends on no device, number of threads or
// vector instructions; theirs may differ in its last bit. (Their native CPU library is other in two ways: it looks the
// eight bits up in a table of 65,536 bins, and mistakes scales where rows are not whole blocks.)
#pragma once

#include <cstdint>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// A quantised matrix [rows, columns].
struct Nf4Weight {
  torch::Tensor codes;   ///< uint8 [(n + 1) / 2], n = rows * columns: two weights a byte, the first in the high half
  torch::Tensor scales;  ///< uint8 [blocks]: codes of the blocks' magnitudes
  torch::Tensor groups;  ///< float32 [groups]: largest magnitude of what `scales` stands for
  torch::Tensor mean;    ///< float32 [1]: added to what `scales` stands for
  std::int64_t rows = 0, columns = 0;

  torch::Device device() const { return codes.device(); }
  Nf4Weight to(torch::Device device) const;
  std::int64_t bytes() const;  ///< that all of it takes
};

/// Bytes of a quantised weight of `numbers` numbers.
std::int64_t nf4_bytes(std::int64_t numbers);

/// `weight` [rows, columns], float32, bfloat16 or float16, finite, quantised from its values as they are; on the CPU,
/// whatever device it is on: the same bits for all. Blocks of zeros stay zeros up to the error of their magnitude.
Nf4Weight quantise_nf4(const torch::Tensor& weight);

/// Magnitudes of blocks (float32 [n], CPU) in eight bits around `mean`: fills scales, groups and mean of `weight`.
void quantise_magnitudes(const torch::Tensor& magnitudes, float mean, Nf4Weight& weight);

/// [rows, columns] in float32 or bfloat16, on the weight's device; products are in float32 and then rounded.
torch::Tensor dequantise(const Nf4Weight& weight, torch::ScalarType type);
/// The same by tensor operations, as on devices other than the CPU.
torch::Tensor dequantise_by_operations(const Nf4Weight& weight, torch::ScalarType type);

/// x [..., columns] W^T + bias (which may be undefined) -> [..., rows], in autocast's type if it is on for x's device,
/// else in x's. Gradients for x alone; W is dequantised to that type for the product and again for the gradient, and
/// not kept in between.
torch::Tensor nf4_linear(const torch::Tensor& x, const Nf4Weight& weight, const torch::Tensor& bias);

}  // namespace scalselect::vlm
