#include "experiments/app/machine_rates.h"

#include <fcntl.h>
#include <torch/cuda.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/parallel.h"
#include "selector/linalg.h"
#include "vlm/device.h"
#include "vlm/sample_threads.h"

namespace scalselect::app {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;

double seconds_of(const std::function<void()>& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double product_rate(torch::ScalarType type) {
  constexpr std::int64_t kSide = 2048;
  const auto device = vlm::open_device();
  const vlm::OperatorThreads threads(thread_count());
  const auto a = torch::randn({kSide, kSide}, device).to(type), b = torch::randn({kSide, kSide}, device).to(type);
  auto c = torch::empty_like(a);
  const auto time = fastest([&] {
    torch::mm_out(c, a, b);
    if (device.is_cuda()) torch::cuda::synchronize(device.index());
  });
  return 2.0 * kSide * kSide * kSide / time;
}

double gram_rate() {
  constexpr std::int64_t kRows = 8192, kColumns = 1024;
  const RowMajorMatrixXd rows = RowMajorMatrixXd::Random(kRows, kColumns);
  RowMajorMatrixXd gram = RowMajorMatrixXd::Zero(kColumns, kColumns);
  return static_cast<double>(kRows * kColumns * kColumns) / fastest([&] {
           add_gram({rows.data(), kRows, kColumns}, gram);
         });
}

double copy_rate() {
  constexpr std::int64_t kBytes = 256 * kMebibyte;
  std::vector<char> from(kBytes, 1), to(kBytes);
  return 2.0 * kBytes / fastest([&] {
           parallel_blocks(kBytes, kMebibyte, [&](std::int64_t begin, std::int64_t end) {
             std::memcpy(&to[static_cast<std::size_t>(begin)], &from[static_cast<std::size_t>(begin)],
                         static_cast<std::size_t>(end - begin));
           });
         });
}

/// Seconds of body(i) for i below the samples that are computed at once, and how many those are.
std::pair<double, std::int64_t> seconds_of_samples(torch::Device device,
                                                   const std::function<void(std::int64_t)>& body) {
  const std::int64_t beside = device.is_cuda() ? 1 : thread_count();
  const auto time = fastest([&] {
    vlm::parallel_samples(beside, body);
    if (device.is_cuda()) torch::cuda::synchronize(device.index());
  });
  return {time, beside};
}

void measure_disk(const std::filesystem::path& folder, MachineRates& rates) {
  constexpr std::int64_t kBytes = 512 * kMebibyte;
  const auto file = folder / "disk";
  const std::string block(8 * kMebibyte, 'x');
  rates.disk_write = kBytes / seconds_of([&] {
                       AppendFile out(file, 0);
                       for (std::int64_t done = 0; done < kBytes; done += static_cast<std::int64_t>(block.size()))
                         out.append(block);
                       out.flush();
                     });
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  ::posix_fadvise(in.get(), 0, 0, POSIX_FADV_DONTNEED);
  std::string read(block.size(), '\0');
  rates.disk_read = kBytes / seconds_of([&] {
                      while (::read(in.get(), read.data(), read.size()) > 0) {
                      }
                    });
  std::filesystem::remove(file);
}

}  // namespace

double fastest(const std::function<void()>& run) {
  constexpr double kLong = 0.5;
  double best = std::numeric_limits<double>::max(), all = 0;
  for (int calls = 0; calls < 3 || all < kLong; ++calls) {
    const double time = seconds_of(run);
    best = std::min(best, time);
    all += time;
  }
  return best;
}

double products_rate(const std::vector<ProductShape>& products, bool bfloat16) {
  const auto device = vlm::open_device();
  const auto type = bfloat16 ? torch::kBFloat16 : torch::kFloat32;
  double flop = 0, seconds = 0;
  for (const auto& product : products) {
    // As a model's layers, they do not stay in the processor's caches.
    const auto bytes = product.inner * product.columns * (bfloat16 ? 2 : 4);
    const auto layers = std::clamp<std::int64_t>(256 * kMebibyte / bytes, 1, std::min<std::int64_t>(product.times, 8));
    std::vector<torch::Tensor> weights;
    for (std::int64_t i = 0; i < layers; ++i)
      weights.push_back(torch::randn({product.columns, product.inner}, device).to(type));
    const auto input = torch::randn({product.rows, product.inner}, device).to(type);
    const auto [time, beside] = seconds_of_samples(device, [&](std::int64_t) {
      for (const auto& weight : weights) at::linear(input, weight);
    });
    flop += product.flop() * static_cast<double>(beside);
    seconds += time * static_cast<double>(product.times) / static_cast<double>(layers);
  }
  return flop / seconds;
}

double attention_seconds(const std::vector<AttentionShape>& attentions, bool bfloat16) {
  const auto device = vlm::open_device();
  const auto type = bfloat16 ? torch::kBFloat16 : torch::kFloat32;
  double seconds = 0;
  for (const auto& shape : attentions) {
    // In memory as projections write it: the heads of a position side by side.
    const auto draw = [&] {
      return torch::randn({1, shape.positions, shape.heads, shape.head_dim}, device).to(type).transpose(1, 2);
    };
    const auto q = draw(), k = draw(), v = draw();
    const auto [time, beside] = seconds_of_samples(device, [&, &q = q, &k = k, &v = v](std::int64_t) {
      at::scaled_dot_product_attention(q, k, v, {}, 0.0, shape.causal);
    });
    seconds += time * static_cast<double>(shape.times) / static_cast<double>(beside);
  }
  return seconds;
}

MachineRates measure_machine(const std::filesystem::path& folder) {
  MachineRates rates;
  rates.product = product_rate(torch::kFloat32);
  rates.product_bf16 = product_rate(torch::kBFloat16);
  rates.gram = gram_rate();
  rates.copy = copy_rate();
  measure_disk(folder, rates);
  return rates;
}

}  // namespace scalselect::app
