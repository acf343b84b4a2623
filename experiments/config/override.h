// Hydra's command-line override grammar (hydra/grammar/OverrideLexer.g4 and OverrideParser.g4 of 1.3.2), and sweeps.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/config/value.h"

namespace scalselect::config {

enum class OverrideType { kChange, kAdd, kForceAdd, kDelete };
enum class SweepKind { kNone, kSimpleChoice, kChoice, kRange, kGlob, kInterval };

struct Sweep {
  SweepKind kind = SweepKind::kNone;
  std::vector<Value> choices;                 ///< simple choice and choice
  Value start, stop, step;                    ///< range: numbers
  std::vector<std::string> include, exclude;  ///< glob over the options of a group
};

/// One parsed command-line word.
struct Override {
  OverrideType type = OverrideType::kChange;
  std::string key;                     ///< dotted key or group path
  std::optional<std::string> package;  ///< text after '@'
  bool has_value = false;              ///< false only for `~key`
  Value value;                         ///< if not a sweep
  Sweep sweep;
  std::string text;  ///< the word as given

  bool is_sweep() const noexcept { return sweep.kind != SweepKind::kNone; }
  bool is_hydra() const { return key.starts_with("hydra.") || key.starts_with("hydra/"); }
  /// key or key@package.
  std::string full_key() const;
  /// full_key with `+`, `++` or `~` in front.
  std::string key_element() const;
};

/// Throws UserError(kUsage): the reason, with a caret under the column where the grammar fails.
Override parse_override(const std::string& text);
std::vector<Override> parse_overrides(const std::vector<std::string>& texts);

/// Jobs that one sweep may have; more are refused before any is made.
inline constexpr std::size_t kMaxJobs = 10000;

/// The jobs of a sweep: every combination of the swept values, in the order of the words, the last one varying fastest;
/// words that are not sweeps are repeated as they are. `group_options(group)` lists the options a glob chooses from.
/// Throws UserError for intervals, which have no list of values, for sweeps over `hydra.*`, and beyond kMaxJobs.
std::vector<std::vector<std::string>> expand_sweep(
    const std::vector<std::string>& texts,
    const std::function<std::vector<std::string>(const std::string& group)>& group_options);

}  // namespace scalselect::config
