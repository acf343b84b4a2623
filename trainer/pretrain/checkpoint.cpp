#include "trainer/pretrain/checkpoint.h"

#include "core/artifact_cache.h"
#include "core/error.h"
#include "core/files.h"
#include "vlm/safetensors.h"

namespace scalselect::pretrain {

std::filesystem::path state_file(const std::filesystem::path& folder) { return folder / "pretrain-state.safetensors"; }

void save_state(const std::filesystem::path& folder, const Progression& state, const nlohmann::json& options) {
  ensure_folder(folder);
  vlm::write_safetensors(state_file(folder), state.tensors,
                         {{"format", "pt"},
                          {"stage", std::to_string(state.stage)},
                          {"step", std::to_string(state.step)},
                          {"options", options.dump()}});
}

std::optional<Progression> load_state(const std::filesystem::path& folder, const nlohmann::json& options) {
  if (!std::filesystem::exists(state_file(folder))) return std::nullopt;
  const vlm::SafetensorsFile file(state_file(folder));
  const auto before = nlohmann::json::parse(file.metadata().at("options"));
  if (before != options) {
    throw UserError(ErrorKind::kUsage,
                    state_file(folder).string() + " belongs to a pre-training with other options (" +
                        first_difference(before, options) + ")",
                    "Delete the file to start afresh, or give the options of that run.");
  }
  Progression state;
  state.stage = std::stoi(file.metadata().at("stage"));
  state.step = std::stoll(file.metadata().at("step"));
  for (const auto& name : file.names()) state.tensors.emplace_back(name, file.tensor(name).clone());
  return state;
}

NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) found.emplace_back(name.substr(prefix.size()), tensor);
  }
  return found;
}

}  // namespace scalselect::pretrain
