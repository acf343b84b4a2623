// The state of a training run in one file that is replaced atomically: there is always exactly one whole checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "trainer/adamw.h"

namespace scalselect::trainer {

/// folder / "train-state.safetensors".
std::filesystem::path state_file(const std::filesystem::path& folder);

/// Writes `file`. `position`: counters by name ("step", "epoch", ...). `identity`: what the run depends on (options,
/// digest of the data); a state of another identity is never continued. Throws UserError(kEnvironment) if the file
/// cannot be written.
void save_state(const std::filesystem::path& file, const std::map<std::string, std::int64_t>& position,
                const NamedTensors& tensors, const nlohmann::json& identity);

/// The state that an earlier process left. Anything that a run needs and the file lacks, or has in another shape
/// or type, is a UserError(kInput) that names file and entry.
class SavedState {
 public:
  /// Nothing if there is no such file. Throws UserError(kUsage) if the state has another identity, naming the
  /// first difference; UserError(kInput) if the file is damaged.
  static std::optional<SavedState> open(const std::filesystem::path& file, const nlohmann::json& identity);

  /// That counter, from 0 to `most`.
  std::int64_t position(const std::string& name, std::int64_t most) const;
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// The tensor of that name, which must have shape and type of `like`.
  const torch::Tensor& tensor(const std::string& name, const torch::Tensor& like) const;
  /// Fills each of `targets` from the tensor called `prefix` + its name.
  void copy_into(const NamedTensors& targets, const std::string& prefix) const;

 private:
  [[noreturn]] void refuse(const std::string& what) const;

  std::filesystem::path file_;
  std::map<std::string, std::string> facts_;
  std::map<std::string, torch::Tensor> tensors_;
};

}  // namespace scalselect::trainer
