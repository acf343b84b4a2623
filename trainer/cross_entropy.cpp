#include "trainer/cross_entropy.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/autograd.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "trainer/softmax_kernel.h"

namespace scalselect::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

/// Which gradients are wanted, and how many rows are done at once.
struct Plan {
  bool states = false, weight = false;
  std::int64_t rows = 0;
};

/// Derivatives of the sum, until the backward pass takes them.
struct Derivatives : torch::CustomClassHolder {
  torch::Tensor states, weight;
};

torch::ScalarType product_type(const torch::Tensor& states) {
  const auto device = states.device().type();
  return at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device) : states.scalar_type();
}

/// logits float32 [C, V] become the derivatives of the sum of the losses [C], which are written too; rows of kNoTarget
/// lose nothing, and their derivatives are 0.
void derive_on_cpu(torch::Tensor& logits, const torch::Tensor& targets, torch::Tensor losses) {
  const auto size = logits.size(1);
  auto* const x = logits.data_ptr<float>();
  auto* const loss = losses.data_ptr<float>();
  const auto* const target = targets.const_data_ptr<std::int64_t>();
  at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) {
      const bool counts = target[r] != kNoTarget;
      loss[r] = counts ? softmax_slopes(x + r * size, size, target[r]) : 0.0F;
      if (!counts) std::fill_n(x + r * size, size, 0.0F);
    }
  });
}

/// The same in tensor functions.
void derive(torch::Tensor& logits, const torch::Tensor& targets, torch::Tensor losses) {
  if (logits.is_cpu()) return derive_on_cpu(logits, targets, std::move(losses));
  const auto counts = targets.ne(kNoTarget).unsqueeze(1), index = targets.clamp_min(0).unsqueeze(1);
  logits = torch::log_softmax(logits, -1);
  losses.copy_(logits.gather(1, index).mul_(counts).neg_().squeeze(1));
  logits.exp_().scatter_add_(1, index, torch::full(index.sizes(), -1.0, logits.options())).mul_(counts);
}

class HeadLoss : public Function<HeadLoss> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& states, const torch::Tensor& weight,
                               const torch::Tensor& targets, const Plan& plan) {
    const auto type = product_type(states);
    const c10::impl::ExcludeDispatchKeyGuard plain(c10::autocast_dispatch_keyset);
    const auto x = states.to(type), w = weight.to(type);
    auto derivatives = c10::make_intrusive<Derivatives>();
    if (plan.states) derivatives->states = torch::empty(states.sizes(), x.options());
    const auto count = states.size(0), room = std::min(plan.rows, count);
    const auto wide = states.options().dtype(torch::kFloat32);
    const auto losses = torch::empty({count}, wide);
    // Allocated once: freed and taken again, they would leave holes.
    const auto narrow_room = torch::empty({room, weight.size(0)}, x.options());
    const auto wide_room = type == torch::kFloat32 ? narrow_room : torch::empty(narrow_room.sizes(), wide);
    for (std::int64_t begin = 0; begin < count; begin += plan.rows) {
      const auto size = std::min(plan.rows, count - begin);
      const auto rows = x.narrow(0, begin, size);
      auto slopes = narrow_room.narrow(0, 0, size), logits = wide_room.narrow(0, 0, size);
      at::mm_out(slopes, rows, w.t());
      if (type != torch::kFloat32) logits.copy_(slopes);
      derive(logits, targets.narrow(0, begin, size), losses.narrow(0, begin, size));
      if (!plan.states && !plan.weight) continue;
      if (type == torch::kFloat32) slopes = logits;
      else slopes.copy_(logits);
      if (plan.states) {
        auto into = derivatives->states.narrow(0, begin, size);
        at::mm_out(into, slopes, w);
      }
      if (!plan.weight) continue;
      auto& total = derivatives->weight;
      if (!total.defined()) total = slopes.t().mm(rows).to(torch::kFloat32);
      else if (type == torch::kFloat32) total.addmm_(slopes.t(), rows);
      else total.add_(slopes.t().mm(rows));
    }
    context->saved_data["derivatives"] = torch::IValue::make_capsule(derivatives);
    context->saved_data["types"] = std::vector<std::int64_t>{static_cast<std::int64_t>(states.scalar_type()),
                                                             static_cast<std::int64_t>(weight.scalar_type())};
    return losses.sum();
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    auto derivatives = c10::static_intrusive_pointer_cast<Derivatives>(context->saved_data["derivatives"].toCapsule());
    const auto types = context->saved_data["types"].toIntVector();
    const auto take = [&](torch::Tensor& of_sum, std::size_t input) {
      if (!context->needs_input_grad(input)) return torch::Tensor();
      SCALSELECT_CHECK(of_sum.defined());  // else this is a second backward pass: the first one scaled in place
      return std::exchange(of_sum, {}).mul_(gradients[0]).to(static_cast<torch::ScalarType>(types[input]));
    };
    auto of_states = take(derivatives->states, 0);
    return {of_states, take(derivatives->weight, 1), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor head_loss_sum(const torch::Tensor& states, const torch::Tensor& weight, const torch::Tensor& targets,
                            std::int64_t rows) {
  const bool graph = torch::GradMode::is_enabled();
  const Plan plan{graph && states.requires_grad(), graph && weight.requires_grad(), rows};
  return HeadLoss::apply(states, weight, targets, plan);
}

}  // namespace scalselect::trainer
