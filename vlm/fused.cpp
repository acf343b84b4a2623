#include "vlm/fused.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/autograd.h>

#include <cmath>

#include "vlm/fused_kernels.h"

namespace scalselect::vlm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

bool products_in_bfloat16() {
  return at::autocast::is_autocast_enabled(at::kCPU) && at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
}

/// Matrix products inside these functions choose their dtype themselves.
using NoAutocast = c10::impl::ExcludeDispatchKeyGuard;
constexpr auto kAutocast = c10::DispatchKey::AutocastCPU;

constexpr std::int64_t kRowsATask = 64;

// --- RMS norm

torch::Tensor norm_forward(const torch::Tensor& x, const torch::Tensor& weight, double eps, bool half,
                           torch::Tensor& scales) {
  const auto width = x.size(-1), rows = x.numel() / width;
  scales = torch::empty({rows}, x.options());
  auto y = torch::empty(x.sizes(), x.options().dtype(half ? torch::kBFloat16 : torch::kFloat32));
  const auto* in = x.const_data_ptr<float>();
  const auto* w = weight.const_data_ptr<float>();
  auto* scale = scales.data_ptr<float>();
  at::parallel_for(0, rows, kRowsATask, [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) {
      const float mean = kernels::dot(in + r * width, in + r * width, width) / static_cast<float>(width);
      scale[r] = 1.0f / std::sqrt(mean + static_cast<float>(eps));
      if (half) {
        kernels::scale_by(in + r * width, w, scale[r], width,
                          reinterpret_cast<std::uint16_t*>(y.data_ptr<at::BFloat16>()) + r * width);
      } else {
        kernels::scale_by(in + r * width, w, scale[r], width, y.data_ptr<float>() + r * width);
      }
    }
  });
  return y;
}

class RmsNormFunction : public Function<RmsNormFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               double eps) {
    torch::Tensor scales;
    const auto y = norm_forward(x, weight, eps, products_in_bfloat16(), scales);
    context->save_for_backward({x, weight, scales});
    return y;
  }

  /// With n = scale * x and h = g * w: dx = scale * (h - n * mean(h * n)), dw = sum over rows of g * n.
  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &scales = saved[2];
    const auto g = gradients[0].to(torch::kFloat32).contiguous();
    torch::Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      dx = torch::empty_like(x);
      const auto width = x.size(-1), rows = x.numel() / width;
      const auto *in = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
      const auto *from = g.const_data_ptr<float>(), *scale = scales.const_data_ptr<float>();
      auto* out = dx.data_ptr<float>();
      at::parallel_for(0, rows, kRowsATask, [&](std::int64_t begin, std::int64_t end) {
        for (auto r = begin; r < end; ++r) {
          kernels::norm_gradient(in + r * width, w, from + r * width, scale[r], width, out + r * width);
        }
      });
    }
    if (context->needs_input_grad(1)) {
      const auto width = x.size(-1);
      dw = (g.view({-1, width}) * x.reshape({-1, width}) * scales.unsqueeze(1)).sum(0);
    }
    return {dx, dw, torch::Tensor()};
  }
};

// --- rotary positions

template <class T>
void turn(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin, float sign, torch::Tensor& y) {
  const auto heads = x.size(1), length = x.size(2), half = x.size(3) / 2;
  const bool shared = cos.size(0) == 1;
  const auto* in = static_cast<const T*>(x.const_data_ptr());
  auto* out = static_cast<T*>(y.data_ptr());
  const auto *c = cos.const_data_ptr<float>(), *s = sin.const_data_ptr<float>();
  at::parallel_for(0, x.size(0) * length, kRowsATask, [&](std::int64_t begin, std::int64_t end) {
    for (auto at = begin; at < end; ++at) {
      const auto b = at / length, t = at % length;
      const auto angle = ((shared ? 0 : b * length) + t) * half;
      for (std::int64_t h = 0; h < heads; ++h) {
        kernels::turn(in + b * x.stride(0) + h * x.stride(1) + t * x.stride(2), c + angle, s + angle, sign, half,
                      out + b * y.stride(0) + h * y.stride(1) + t * y.stride(2));
      }
    }
  });
}

torch::Tensor turned(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin, float sign) {
  // [B, S, heads, hd] in memory, as the projections write it and as attention's output is read.
  auto y = torch::empty({x.size(0), x.size(2), x.size(1), x.size(3)}, x.options()).transpose(1, 2);
  if (x.scalar_type() == torch::kFloat32) turn<float>(x, cos, sin, sign, y);
  else turn<std::uint16_t>(x, cos, sin, sign, y);
  return y;
}

class RopeFunction : public Function<RopeFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& cos,
                               const torch::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return turned(x, cos, sin, 1.0f);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto g = gradients[0].stride(3) == 1 ? gradients[0] : gradients[0].contiguous();
    return {turned(g, saved[0], saved[1], -1.0f), torch::Tensor(), torch::Tensor()};
  }
};

// --- linear layer with LoRA

class LoraLinearFunction : public Function<LoraLinearFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& lora_A, const torch::Tensor& lora_B,
                               const std::optional<torch::Tensor>& bias, double scaling) {
    const auto type = products_in_bfloat16() ? torch::kBFloat16 : torch::kFloat32;
    const NoAutocast plain(kAutocast);
    const auto merged = torch::addmm(weight, lora_B, lora_A, 1.0, scaling).to(type);
    const auto input = x.reshape({-1, x.size(-1)}).to(type);
    context->save_for_backward({input, merged, lora_A, lora_B});
    context->saved_data["scaling"] = scaling;
    context->saved_data["biased"] = bias.has_value();
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["type"] = static_cast<std::int64_t>(x.scalar_type());
    auto shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return torch::linear(input, merged, bias ? bias->to(type) : torch::Tensor()).view(shape);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const NoAutocast plain(kAutocast);
    const auto saved = context->get_saved_variables();
    const auto &input = saved[0], &merged = saved[1];
    const auto type = merged.scalar_type();
    const double scaling = context->saved_data["scaling"].toDouble();
    const auto g = gradients[0].reshape({-1, merged.size(0)});
    torch::Tensor dx, dA, dB, db;
    if (context->needs_input_grad(0)) {
      const auto x_type = static_cast<torch::ScalarType>(context->saved_data["type"].toInt());
      dx = g.mm(merged).view(context->saved_data["shape"].toIntVector()).to(x_type);
    }
    if (context->needs_input_grad(2)) {
      const auto shrunk = g.mm((saved[3] * scaling).to(type));  // [T, r]
      dA = shrunk.t().mm(input).to(torch::kFloat32);
    }
    if (context->needs_input_grad(3)) {
      const auto inner = input.mm((saved[2] * scaling).to(type).t());  // [T, r]
      dB = g.t().mm(inner).to(torch::kFloat32);
    }
    if (context->saved_data["biased"].toBool() && context->needs_input_grad(4)) db = g.to(torch::kFloat32).sum(0);
    return {dx, torch::Tensor(), dA, dB, db, torch::Tensor()};
  }
};

}  // namespace

bool can_fuse_rms_norm(const torch::Tensor& x, const torch::Tensor& weight) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && x.is_contiguous() && x.numel() > 0 &&
         weight.scalar_type() == torch::kFloat32 && weight.is_contiguous();
}

torch::Tensor fused_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  return RmsNormFunction::apply(x, weight, eps);
}

bool can_fuse_rope(const torch::Tensor& x, const torch::Tensor& cos) {
  const bool known = x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16;
  return x.is_cpu() && known && x.stride(3) == 1 && x.size(3) % 2 == 0 && x.numel() > 0 &&
         cos.scalar_type() == torch::kFloat32 && cos.is_contiguous();
}

torch::Tensor fused_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  return RopeFunction::apply(x, cos, sin);
}

bool can_fuse_lora_into(const torch::Tensor& weight) {
  return weight.is_cpu() && weight.scalar_type() == torch::kFloat32 && !weight.requires_grad() &&
         weight.numel() <= kLargestFused;
}

bool can_fuse_lora(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& lora_A) {
  return x.is_cpu() && can_fuse_lora_into(weight) && lora_A.scalar_type() == torch::kFloat32 &&
         (x.scalar_type() == torch::kFloat32 || (x.scalar_type() == torch::kBFloat16 && products_in_bfloat16()));
}

torch::Tensor fused_lora_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                const torch::Tensor& lora_A, const torch::Tensor& lora_B, double scaling) {
  const auto given = bias.defined() ? std::optional<torch::Tensor>(bias) : std::nullopt;
  return LoraLinearFunction::apply(x, weight, lora_A, lora_B, given, scaling);
}

}  // namespace scalselect::vlm
