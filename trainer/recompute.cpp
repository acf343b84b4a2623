#include "trainer/recompute.h"

#include <ATen/autocast_mode.h>
#include <torch/autograd.h>

#include <memory>
#include <utility>
#include <vector>

#include "trainer/bfloat16.h"

namespace scalselect::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;
using Run = std::function<torch::Tensor(const torch::Tensor&)>;

/// The generators that a part may draw from, and a state of each.
class Generators {
 public:
  explicit Generators(torch::Device device) {
    add(torch::kCPU);
    if (!device.is_cpu()) add(device);
  }
  /// Puts the states back that they had at construction; returns those that they had now.
  std::vector<torch::Tensor> restore() { return exchange(states_); }
  std::vector<torch::Tensor> exchange(const std::vector<torch::Tensor>& states) {
    std::vector<torch::Tensor> old;
    for (std::size_t i = 0; i < generators_.size(); ++i) {
      old.push_back(generators_[i].get_state());
      generators_[i].set_state(states[i]);
    }
    return old;
  }

 private:
  void add(torch::Device device) {
    generators_.push_back(at::globalContext().defaultGenerator(device));
    states_.push_back(generators_.back().get_state());
  }
  std::vector<at::Generator> generators_;
  std::vector<torch::Tensor> states_;
};

/// What the backward pass needs besides the input.
struct Part : torch::CustomClassHolder {
  Run run;
  std::unique_ptr<Generators> generators;  ///< null: nothing is drawn
  bool bfloat16 = false;
};

class RecomputeFunction : public Function<RecomputeFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const Run& run, bool random) {
    auto part = c10::make_intrusive<Part>();
    part->run = run;
    part->bfloat16 = at::autocast::is_autocast_enabled(x.device().type());
    if (random) part->generators = std::make_unique<Generators>(x.device());
    context->save_for_backward({x});
    context->saved_data["part"] = torch::IValue::make_capsule(part);
    return run(x);  // without a graph
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    auto part = c10::static_intrusive_pointer_cast<Part>(context->saved_data["part"].toCapsule());
    const auto x = context->get_saved_variables()[0].detach().requires_grad_();
    std::vector<torch::Tensor> now;
    if (part->generators) now = part->generators->restore();
    torch::Tensor y;
    {
      const torch::AutoGradMode with_graph(true);
      const BFloat16Products products(part->bfloat16, x.device());
      y = part->run(x);
    }
    if (part->generators) part->generators->exchange(now);
    torch::autograd::backward({y}, {gradients[0]});
    return {x.grad(), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor recomputed(const Run& run, const torch::Tensor& x, bool random) {
  if (!torch::GradMode::is_enabled()) return run(x);
  // The result has a graph only if an input has one, and the parameters are no inputs.
  return RecomputeFunction::apply(x.requires_grad() ? x : x.detach().requires_grad_(), run, random);
}

}  // namespace scalselect::trainer
