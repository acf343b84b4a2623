#include "trainer/checkpoint.h"

#include <algorithm>

#include "core/artifact_cache.h"
#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {

std::filesystem::path state_file(const std::filesystem::path& folder) { return folder / "train-state.safetensors"; }

void save_state(const std::filesystem::path& folder, const TrainState& state, const nlohmann::json& identity) {
  ensure_folder(folder);
  vlm::write_safetensors(state_file(folder), state.tensors,
                         {{"format", "pt"},
                          {"step", std::to_string(state.step)},
                          {"epoch", std::to_string(state.epoch)},
                          {"batch", std::to_string(state.batch)},
                          {"identity", identity.dump()}});
}

std::optional<TrainState> load_state(const std::filesystem::path& folder, const nlohmann::json& identity) {
  const auto path = state_file(folder);
  if (!std::filesystem::exists(path)) return std::nullopt;
  const vlm::SafetensorsFile file(path);
  const auto& facts = file.metadata();
  const auto before = nlohmann::json::parse(facts.count("identity") ? facts.at("identity") : "", nullptr, false);
  if (before.is_discarded()) {
    throw UserError(ErrorKind::kInput, path.string() + " is no checkpoint of a training", "Delete it to start afresh.");
  }
  if (before != identity) {
    throw UserError(ErrorKind::kUsage,
                    path.string() + " belongs to another training (" + first_difference(before, identity) + ")",
                    "Delete the file to start afresh, or give that run's options and data.");
  }
  TrainState state;
  state.step = std::stoll(facts.at("step"));
  state.epoch = std::stoll(facts.at("epoch"));
  state.batch = std::stoll(facts.at("batch"));
  for (const auto& name : file.names()) state.tensors.emplace_back(name, file.tensor(name).clone());
  return state;
}

const torch::Tensor& find_tensor(const NamedTensors& tensors, const std::string& name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
  SCALSELECT_CHECK(found != tensors.end());
  return found->second;
}

}  // namespace scalselect::trainer
