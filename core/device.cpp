#include "core/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "core/error.h"
#include "core/process_group.h"

namespace scalselect {
namespace {

std::optional<ComputeDevice>& chosen() {
  static std::optional<ComputeDevice> device;
  return device;
}

/// Which GPU this process takes of those that it sees.
int own_gpu() {
  const auto group = process_group();
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr || *visible == '\0') return group.local_rank;
  const std::string_view list(visible);
  return group.local_rank % static_cast<int>(1 + std::count(list.begin(), list.end(), ','));
}

}  // namespace

std::string ComputeDevice::text() const { return cuda ? fmt::format("cuda:{}", index) : "cpu"; }

ComputeDevice parse_device(std::string_view text) {
  if (text == "cpu") return {};
  ComputeDevice device{true, 0};
  if (text == "cuda") return {true, own_gpu()};
  constexpr std::string_view kPrefix = "cuda:";
  if (text.starts_with(kPrefix)) {
    const auto number = text.substr(kPrefix.size());
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), device.index);
    if (error == std::errc() && end == number.data() + number.size() && device.index >= 0) return device;
  }
  throw UserError(ErrorKind::kUsage, fmt::format("Device '{}' is not known.", text),
                  "Known are device=cpu, device=cuda and device=cuda:N.");
}

ComputeDevice compute_device() {
  if (chosen()) return *chosen();
  const char* text = std::getenv("SCALSELECT_DEVICE");
  return text == nullptr || *text == '\0' ? ComputeDevice{} : parse_device(text);
}

void set_device(const ComputeDevice& device) { chosen() = device; }

void check_gpu(int index, std::int64_t count) {
  if (index < count) return;
  throw UserError(ErrorKind::kEnvironment, fmt::format("There is no GPU {}: this machine shows {}.", index, count),
                  "Use device=cuda:N with a smaller N, or device=cpu.");
}

}  // namespace scalselect
