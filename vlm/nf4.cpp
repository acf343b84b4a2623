#include "vlm/nf4.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/autograd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "vlm/nf4_kernels.h"

namespace scalselect::vlm {
namespace {

using kernels::kNf4Block;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

constexpr std::int64_t kGroup = 256;  ///< scales that share a magnitude
constexpr std::int64_t kBlocksATask = 512;

std::int64_t parts(std::int64_t numbers, std::int64_t size) { return (numbers + size - 1) / size; }

/// The values of eight bits, ascending: 127 and their negatives, 0 and 1 (bitsandbytes 0.50.2: create_dynamic_map()).
const std::array<float, 256>& scale_values() {
  static constexpr float kPositive[] = {
      5.50000038e-07f, 3.25000019e-06f, 7.7499999e-06f,  2.12499981e-05f, 4.37499984e-05f, 6.62500024e-05f,
      8.87499991e-05f, 0.000156250011f, 0.000268750038f, 0.000381250022f, 0.000493750034f, 0.000606250076f,
      0.00071875006f,  0.000831249985f, 0.000943750085f, 0.00128124992f,  0.00184375001f,  0.00240624999f,
      0.00296874996f,  0.00353124971f,  0.00409374991f,  0.00465624966f,  0.00521875033f,  0.00578125007f,
      0.00634374982f,  0.00690625003f,  0.00746874977f,  0.00803124998f,  0.00859375019f,  0.00915624946f,
      0.00971874967f,  0.0114062503f,   0.0142187504f,   0.0170312505f,   0.0198437516f,   0.0226562507f,
      0.0254687499f,   0.028281251f,    0.0310937501f,   0.0339062512f,   0.0367187522f,   0.0395312496f,
      0.0423437469f,   0.0451562516f,   0.047968749f,    0.05078125f,     0.053593751f,    0.0564062484f,
      0.0592187531f,   0.0620312504f,   0.0648437515f,   0.0676562563f,   0.0704687461f,   0.0732812509f,
      0.0760937482f,   0.078906253f,    0.0817187577f,   0.0845312476f,   0.0873437524f,   0.0901562497f,
      0.0929687545f,   0.0957812592f,   0.0985937491f,   0.107031256f,    0.12109375f,     0.135156244f,
      0.149218753f,    0.163281247f,    0.177343756f,    0.19140625f,     0.205468744f,    0.219531253f,
      0.233593747f,    0.247656241f,    0.26171875f,     0.275781274f,    0.289843738f,    0.303906262f,
      0.317968726f,    0.33203125f,     0.346093744f,    0.360156238f,    0.374218762f,    0.388281226f,
      0.40234375f,     0.416406244f,    0.430468738f,    0.444531262f,    0.458593726f,    0.47265625f,
      0.486718714f,    0.500781238f,    0.514843702f,    0.528906226f,    0.54296875f,     0.557031274f,
      0.571093798f,    0.585156262f,    0.599218726f,    0.61328125f,     0.627343774f,    0.641406298f,
      0.655468762f,    0.669531226f,    0.68359375f,     0.697656274f,    0.711718798f,    0.725781262f,
      0.739843726f,    0.75390625f,     0.767968774f,    0.782031238f,    0.796093762f,    0.810156226f,
      0.82421875f,     0.838281274f,    0.852343738f,    0.866406262f,    0.880468726f,    0.89453125f,
      0.908593774f,    0.922656238f,    0.936718762f,    0.950781226f,    0.96484375f,     0.978906274f,
      0.992968738f};
  static const auto values = [] {
    std::array<float, 256> made{};
    for (int i = 0; i < 127; ++i) {
      made[static_cast<std::size_t>(126 - i)] = -kPositive[i];
      made[static_cast<std::size_t>(128 + i)] = kPositive[i];
    }
    made[255] = 1.0f;
    return made;
  }();
  return values;
}

/// The value nearest to x, the lower one of two equally near.
std::uint8_t scale_code(float x) {
  static const auto between = [] {
    std::array<float, 255> made{};
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = (scale_values()[i] + scale_values()[i + 1]) / 2.0f;
    return made;
  }();
  return static_cast<std::uint8_t>(std::lower_bound(between.begin(), between.end(), x) - between.begin());
}

/// Of blocks `begin` to `end` - 1, as floats.
void scales_of(const Nf4Weight& weight, std::int64_t begin, std::int64_t end, float* scales) {
  const auto* codes = weight.scales.const_data_ptr<std::uint8_t>();
  const auto* groups = weight.groups.const_data_ptr<float>();
  const float mean = *weight.mean.const_data_ptr<float>();
  for (auto i = begin; i < end; ++i) {
    const float part = scale_values()[codes[i]] * groups[i / kGroup];
    scales[i - begin] = part + mean;
  }
}

template <class T>
void fill(const Nf4Weight& weight, T* y) {
  const auto numbers = weight.rows * weight.columns, whole = numbers / kNf4Block;
  const auto* codes = weight.codes.const_data_ptr<std::uint8_t>();
  at::parallel_for(0, whole, kBlocksATask, [&](std::int64_t begin, std::int64_t end) {
    std::array<float, kBlocksATask> scales;
    for (auto from = begin; from < end; from += kBlocksATask) {
      const auto to = std::min(end, from + kBlocksATask);
      scales_of(weight, from, to, scales.data());
      kernels::nf4_values(codes + from * kNf4Block / 2, scales.data(), to - from, y + from * kNf4Block);
    }
  });
  if (whole * kNf4Block == numbers) return;
  std::array<std::uint8_t, kNf4Block / 2> last{};
  std::copy(codes + whole * kNf4Block / 2, codes + weight.codes.numel(), last.begin());
  float scale = 0;
  scales_of(weight, whole, whole + 1, &scale);
  std::array<T, kNf4Block> values;
  kernels::nf4_values(last.data(), &scale, 1, values.data());
  std::copy_n(values.begin(), numbers - whole * kNf4Block, y + whole * kNf4Block);
}

class Nf4LinearFunction : public Function<Nf4LinearFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const Nf4Weight& weight,
                               const std::optional<torch::Tensor>& bias) {
    context->save_for_backward({weight.codes, weight.scales, weight.groups, weight.mean});
    context->saved_data["rows"] = weight.rows;
    context->saved_data["columns"] = weight.columns;
    return torch::linear(x, dequantise(weight, x.scalar_type()), bias ? *bias : torch::Tensor());
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Nf4Weight weight{saved[0],
                           saved[1],
                           saved[2],
                           saved[3],
                           context->saved_data["rows"].toInt(),
                           context->saved_data["columns"].toInt()};
    const auto& g = gradients[0];
    auto shape = g.sizes().vec();
    shape.back() = weight.columns;
    const auto dx = g.reshape({-1, weight.rows}).mm(dequantise(weight, g.scalar_type())).view(shape);
    return {dx, torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

Nf4Weight Nf4Weight::to(torch::Device device) const {
  return {codes.to(device), scales.to(device), groups.to(device), mean.to(device), rows, columns};
}

std::int64_t Nf4Weight::bytes() const {
  return static_cast<std::int64_t>(codes.nbytes() + scales.nbytes() + groups.nbytes() + mean.nbytes());
}

std::int64_t nf4_bytes(std::int64_t numbers) {
  const auto blocks = parts(numbers, kNf4Block);
  return parts(numbers, 2) + blocks + 4 * (parts(blocks, kGroup) + 1);
}

void quantise_magnitudes(const torch::Tensor& magnitudes, float mean, Nf4Weight& weight) {
  const auto count = magnitudes.numel();
  weight.scales = torch::empty({count}, torch::kUInt8);
  weight.groups = torch::empty({parts(count, kGroup)}, torch::kFloat32);
  weight.mean = torch::full({1}, mean, torch::kFloat32);
  const auto around = magnitudes - weight.mean;
  const auto* from = around.const_data_ptr<float>();
  auto* codes = weight.scales.data_ptr<std::uint8_t>();
  auto* groups = weight.groups.data_ptr<float>();
  for (std::int64_t group = 0; group < weight.groups.numel(); ++group) {
    const auto begin = group * kGroup, end = std::min(count, begin + kGroup);
    groups[group] = kernels::largest_magnitude(from + begin, end - begin);
    const float factor = 1.0f / std::max(groups[group], 1e-38f);
    for (auto i = begin; i < end; ++i) codes[i] = scale_code(from[i] * factor);
  }
}

Nf4Weight quantise_nf4(const torch::Tensor& weight) {
  const torch::NoGradGuard no_grad;
  TORCH_CHECK(weight.dim() == 2 && weight.numel() > 0, "a matrix is expected");
  const auto wide = weight.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const auto numbers = wide.numel(), blocks = parts(numbers, kNf4Block);
  Nf4Weight made;
  made.rows = weight.size(0), made.columns = weight.size(1);
  made.codes = torch::empty({parts(numbers, 2)}, torch::kUInt8);
  const auto magnitudes = torch::empty({blocks}, torch::kFloat32);
  const auto* from = wide.const_data_ptr<float>();
  auto* packed = made.codes.data_ptr<std::uint8_t>();
  auto* magnitude = magnitudes.data_ptr<float>();
  at::parallel_for(0, blocks, kBlocksATask, [&](std::int64_t begin, std::int64_t end) {
    for (auto block = begin; block < end; ++block) {
      const auto at = block * kNf4Block, size = std::min(kNf4Block, numbers - at);
      magnitude[block] = kernels::largest_magnitude(from + at, size);
      std::array<std::uint8_t, kNf4Block> codes;
      codes.fill(7);  // zero, for the half byte behind an odd number of weights
      kernels::nf4_codes(from + at, magnitude[block], size, codes.data());
      for (std::int64_t i = 0; i < size; i += 2) {
        packed[(at + i) / 2] =
            static_cast<std::uint8_t>(codes[static_cast<std::size_t>(i)] << 4 | codes[static_cast<std::size_t>(i + 1)]);
      }
    }
  });
  double sum = 0;
  for (std::int64_t block = 0; block < blocks; ++block) sum += static_cast<double>(magnitude[block]);
  quantise_magnitudes(magnitudes, static_cast<float>(sum / static_cast<double>(blocks)), made);
  return made;
}

torch::Tensor dequantise(const Nf4Weight& weight, torch::ScalarType type) {
  TORCH_CHECK(type == torch::kFloat32 || type == torch::kBFloat16, "weights are dequantised to float32 or bfloat16");
  if (!weight.device().is_cpu()) return dequantise_by_operations(weight, type);
  auto values = torch::empty({weight.rows, weight.columns}, type);
  if (type == torch::kFloat32) fill(weight, values.data_ptr<float>());
  else fill(weight, reinterpret_cast<std::uint16_t*>(values.data_ptr<at::BFloat16>()));
  return values;
}

torch::Tensor dequantise_by_operations(const Nf4Weight& weight, torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  const auto device = weight.device();
  const auto numbers = weight.rows * weight.columns, blocks = weight.scales.numel();
  const auto eight = torch::tensor(at::ArrayRef<float>(scale_values().data(), 256)).to(device);
  auto scales = eight.index_select(0, weight.scales.to(torch::kInt32));
  scales.mul_(weight.groups.repeat_interleave(kGroup).slice(0, 0, blocks)).add_(weight.mean);
  std::array<float, 512> both;  // the two values of each byte
  for (std::size_t byte = 0; byte < 256; ++byte) {
    both[2 * byte] = kernels::kNf4Values[byte >> 4];
    both[2 * byte + 1] = kernels::kNf4Values[byte & 15];
  }
  const auto four = torch::tensor(at::ArrayRef<float>(both.data(), both.size())).view({256, 2}).to(device);
  auto values = four.index_select(0, weight.codes.to(torch::kInt32)).view({-1}).slice(0, 0, numbers);
  const auto whole = numbers / kNf4Block * kNf4Block;
  values.slice(0, 0, whole).view({-1, kNf4Block}).mul_(scales.slice(0, 0, whole / kNf4Block).unsqueeze(1));
  if (whole < numbers) values.slice(0, whole).mul_(scales.slice(0, blocks - 1));
  return values.to(type).view({weight.rows, weight.columns});
}

torch::Tensor nf4_linear(const torch::Tensor& x, const Nf4Weight& weight, const torch::Tensor& bias) {
  const auto device = x.device().type();
  const auto type =
      at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device) : x.scalar_type();
  const auto given = bias.defined() ? std::optional<torch::Tensor>(bias.to(type)) : std::nullopt;
  return Nf4LinearFunction::apply(x.to(type), weight, given);
}

}  // namespace scalselect::vlm
