#include "trainer/checkpoint.h"

#include <fmt/format.h>

#include <charconv>

#include "core/artifact_cache.h"
#include "core/error.h"
#include "core/files.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {

std::filesystem::path state_file(const std::filesystem::path& folder) { return folder / "train-state.safetensors"; }

void save_state(const std::filesystem::path& file, const std::map<std::string, std::int64_t>& position,
                const NamedTensors& tensors, const nlohmann::json& identity) {
  ensure_folder(file.parent_path());
  std::map<std::string, std::string> facts = {{"format", "pt"}, {"identity", identity.dump()}};
  for (const auto& [name, value] : position) facts[name] = std::to_string(value);
  vlm::write_safetensors(file, tensors, facts);
}

std::optional<SavedState> SavedState::open(const std::filesystem::path& file, const nlohmann::json& identity) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  const vlm::SafetensorsFile stored(file);
  SavedState state;
  state.file_ = file;
  state.facts_ = stored.metadata();
  const auto before = nlohmann::json::parse(state.facts_["identity"], nullptr, false);
  if (before.is_discarded()) state.refuse("is not a training checkpoint");
  if (before != identity) {
    throw UserError(ErrorKind::kUsage,
                    file.string() + " belongs to another training run (" + first_difference(before, identity) + ")",
                    "Delete the file to start again, or use that run's options and data.");
  }
  for (const auto& name : stored.names()) state.tensors_[name] = stored.tensor(name).clone();
  return state;
}

void SavedState::refuse(const std::string& what) const {
  throw UserError(ErrorKind::kInput, file_.string() + " " + what, "Delete the file to start again.");
}

std::int64_t SavedState::position(const std::string& name, std::int64_t most) const {
  const auto found = facts_.find(name);
  std::int64_t value = -1;
  if (found != facts_.end()) {
    const auto& text = found->second;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value).ptr;
    if (end != text.data() + text.size()) value = -1;
  }
  if (value < 0 || value > most) refuse(fmt::format("has no '{}' from 0 to {}", name, most));
  return value;
}

const torch::Tensor& SavedState::tensor(const std::string& name, const torch::Tensor& like) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) refuse("lacks the tensor '" + name + "'");
  if (found->second.sizes() != like.sizes() || found->second.scalar_type() != like.scalar_type()) {
    refuse("holds the tensor '" + name + "' in another shape or type than this run");
  }
  return found->second;
}

void SavedState::copy_into(const NamedTensors& targets, const std::string& prefix) const {
  torch::NoGradGuard no_grad;
  for (auto [name, target] : targets) target.copy_(tensor(prefix + name, target));
}

}  // namespace scalselect::trainer
