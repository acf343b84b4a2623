#include "experiments/handover/registry.h"

#include <fmt/format.h>

#include "core/error.h"

namespace scalselect::handover {

const std::vector<Trainer>& trainers() {
  static const std::vector<Trainer> all = {
      llamafactory(),
      ms_swift(),
      llava(),
  };
  return all;
}

const Trainer& trainer_named(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& trainer : trainers()) {
    if (trainer.name == name) return trainer;
    names.push_back(trainer.name);
  }
  std::string known;
  for (const auto& one : names) known += (known.empty() ? "" : ", ") + one;
  throw UserError(ErrorKind::kUsage, fmt::format("There is no trainer '{}'.{}", name, did_you_mean(name, names)),
                  fmt::format("Known trainers: {}.", known));
}

const Template* template_for(const Trainer& trainer, const std::string& architecture) {
  if (architecture.empty()) return &trainer.templates.front();
  for (const auto& layout : trainer.templates) {
    if (layout.architecture == architecture) return &layout;
  }
  return nullptr;
}

}  // namespace scalselect::handover
