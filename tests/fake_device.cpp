#include "tests/fake_device.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "core/error.h"
#include "vlm/device.h"

namespace scalselect::vlm {
namespace {

constexpr auto kFake = c10::DeviceType::PrivateUse1;

std::atomic<std::int64_t> memory{std::int64_t{1} << 40}, in_use{0}, peak{0};

/// The size is kept in front of the data.
constexpr std::size_t kFront = 64;

void release(void* block) {
  if (block == nullptr) return;
  in_use -= static_cast<std::int64_t>(*static_cast<std::size_t*>(block));
  std::free(block);
}

class HostAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(kFake, 0)};
    if (in_use + static_cast<std::int64_t>(bytes) > memory) {
      throw c10::OutOfMemoryError({__func__, __FILE__, static_cast<std::uint32_t>(__LINE__)},
                                  "the fake device is full");
    }
    in_use += static_cast<std::int64_t>(bytes);
    peak = std::max(peak.load(), in_use.load());
    auto* block = static_cast<char*>(std::aligned_alloc(kFront, (bytes + 2 * kFront - 1) / kFront * kFront));
    *reinterpret_cast<std::size_t*>(block) = bytes;
    return {block + kFront, block, &release, c10::Device(kFake, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }
};

HostAllocator allocator;
REGISTER_ALLOCATOR(kFake, &allocator)

/// One device with one stream on which everything is done at once.
struct Guard final : c10::impl::DeviceGuardImplInterface {
  Guard() = default;
  explicit Guard(c10::DeviceType) {}
  c10::DeviceType type() const override { return kFake; }
  c10::Device exchangeDevice(c10::Device) const override { return {kFake, 0}; }
  c10::Device getDevice() const override { return {kFake, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return c10::Stream(c10::Stream::DEFAULT, {kFake, 0}); }
  c10::Stream getNewStream(c10::Device, int) const override { return c10::Stream(c10::Stream::DEFAULT, {kFake, 0}); }
  c10::Stream exchangeStream(c10::Stream) const override { return c10::Stream(c10::Stream::DEFAULT, {kFake, 0}); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    return at::detail::getDefaultCPUGenerator();
  }
};
const bool hooked = [] {
  static Hooks hooks;
  c10::register_privateuse1_backend("fake");
  at::RegisterPrivateUse1HooksInterface(&hooks);
  return true;
}();

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(dtype));
}

/// The CPU's view of a tensor of this device: the same memory.
at::Tensor on_cpu(const at::Tensor& tensor) {
  if (!tensor.is_privateuseone()) return tensor;
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(),
                       tensor.options().device(at::kCPU).requires_grad(false));
}

at::Tensor on_fake(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.is_privateuseone()) return tensor;
  auto out = empty_strided(tensor.sizes(), tensor.strides(), tensor.scalar_type(), {}, {}, {});
  on_cpu(out).copy_(tensor);
  return out;
}

at::Tensor copy_from(const at::Tensor& self, const at::Tensor& to, bool) {
  on_cpu(to).copy_(on_cpu(self));
  return to;
}

/// An argument for the CPU's operator. A CPU tensor with dimensions has no business here.
at::Tensor argument(const at::Tensor& tensor, const c10::OperatorHandle& op) {
  TORCH_CHECK(!tensor.defined() || tensor.is_privateuseone() || tensor.dim() == 0, op.schema().operator_name(),
              ": a tensor of shape ", tensor.sizes(), " is on ", tensor.device(), ", others are not");
  return tensor.defined() ? on_cpu(tensor) : tensor;
}

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                       at::SymIntArrayRef stride, at::SymIntArrayRef padding, at::SymIntArrayRef dilation,
                       bool transposed, at::SymIntArrayRef output_padding, at::SymInt groups) {
  TORCH_CHECK(input.is_privateuseone() && weight.is_privateuseone(), "convolution: a tensor is on the CPU");
  return on_fake(at::convolution_symint(on_cpu(input), on_cpu(weight), bias ? std::optional(on_cpu(*bias)) : bias,
                                        stride, padding, dilation, transposed, output_padding, groups));
}

/// Whatever this device does not know itself.
void on_the_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  const auto count = schema.arguments().size(), first = stack->size() - count;
  const std::vector<c10::IValue> given(stack->begin() + static_cast<std::ptrdiff_t>(first), stack->end());
  for (std::size_t i = 0; i < count; ++i) {
    auto& value = (*stack)[first + i];
    const auto* alias = schema.arguments()[i].alias_info();
    if (value.isTensor() && alias != nullptr && alias->isWrite() && value.toTensor().numel() == 0) {
      value = at::empty({0}, value.toTensor().options().device(at::kCPU));  // may grow; borrowed memory may not
    } else if (value.isTensor()) value = argument(value.toTensor(), op);
    else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(argument(tensor, op));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const auto& tensor : value.toOptionalTensorVector())
        list.push_back(tensor ? std::optional(argument(*tensor, op)) : std::nullopt);
      value = list;
    } else if (value.isDevice()) {
      value = c10::Device(at::kCPU);
    }
  }
  const std::vector<c10::IValue> used(stack->begin() + static_cast<std::ptrdiff_t>(first), stack->end());
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  // What was written into: in place, unless the operator made it larger.
  for (std::size_t i = 0; i < count; ++i) {
    const auto* alias = schema.arguments()[i].alias_info();
    if (alias == nullptr || !alias->isWrite() || !used[i].isTensor()) continue;
    const auto &target = given[i].toTensor(), &result = used[i].toTensor();
    if (!target.defined() || (target.sizes() == result.sizes() && target.data_ptr() == result.data_ptr())) continue;
    target.unsafeGetTensorImpl()->shallow_copy_from(on_fake(result.contiguous()).getIntrusivePtr());
  }
  const auto returns = schema.returns().size(), last = stack->size() - returns;
  for (std::size_t r = 0; r < returns; ++r) {
    auto& value = (*stack)[last + r];
    const auto* alias = schema.returns()[r].alias_info();
    if (alias != nullptr && alias->isWrite()) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto* same = schema.arguments()[i].alias_info();
        if (same != nullptr && same->beforeSets() == alias->beforeSets()) value = given[i];
      }
    } else {
      TORCH_CHECK(alias == nullptr, op.operator_name(), " gives a view, which the fake device does not know");
      if (value.isTensor()) value = on_fake(value.toTensor());
      else if (value.isTensorList()) {
        c10::List<at::Tensor> list;
        for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(on_fake(tensor));
        value = list;
      }
    }
  }
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", TORCH_FN(empty));
  m.impl("empty_strided", TORCH_FN(empty_strided));
  m.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  m.impl("view", TORCH_FN(at::native::view));
  m.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  m.impl("_copy_from", TORCH_FN(copy_from));
  m.impl("convolution_overrideable", TORCH_FN(convolution));
}
TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_the_cpu>()); }

void limit_fake_memory(std::int64_t bytes) {
  memory = bytes;
  peak = in_use.load();
}
std::int64_t fake_memory_in_use() { return in_use; }
std::int64_t fake_memory_peak() { return peak; }

torch::Device fake_device() { return {kFake, 0}; }

std::vector<torch::Device> devices_beside_the_cpu() {
  std::vector<torch::Device> devices = {fake_device()};
  try {
    devices.push_back(open_device({true, 0}));
  } catch (const UserError& error) {
    std::cerr << "no GPU is compared: " << error.what() << '\n';
  }
  return devices;
}

void move_to(torch::nn::Module& model, torch::Device device) {
  if (device.type() != kFake) return model.to(device);
  torch::NoGradGuard no_grad;
  auto tensors = model.parameters();
  for (const auto& buffer : model.buffers()) tensors.push_back(buffer);
  for (const auto& tensor : tensors) {  // the handles that modules hold stay the same tensors
    tensor.unsafeGetTensorImpl()->shallow_copy_from(tensor.to(device).getIntrusivePtr());
  }
}

}  // namespace scalselect::vlm
