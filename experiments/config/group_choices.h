// Which option each group ends up with: overrides of the command line and of files, deletions, and what was chosen.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/config/default_element.h"
#include "experiments/config/override.h"
#include "experiments/config/repository.h"

namespace scalselect::config {

/// All functions throw UserError with Hydra's text.
class GroupChoices {
 public:
  /// Splits the words: those that name a group and are not dicts choose, append or delete it; the others edit the
  /// config. A value among the keys of the primary file, `primary` (may be null), is no group because of a folder of
  /// that name, such as the results of an earlier run beside the user's own files, unless the folder has the option
  /// that the word names. (Hydra takes every folder for a group.)
  GroupChoices(const Repository& repository, const LoadedConfig* primary, const std::vector<Override>& overrides);

  const std::vector<DefaultElement>& appended() const { return appended_; }
  const std::vector<Override>& config_overrides() const { return config_overrides_; }

  /// The `override` entries of the file at `parent`, which must be its last ones. An earlier registration wins, but for
  /// those of a config that the command line appended: these come last in depth-first order.
  void register_overrides(const DefaultElement& parent, std::vector<DefaultElement>& list, bool interpolated,
                          bool from_append);

  void apply(DefaultElement& element);         ///< replaces the option if one was registered
  bool mark_deleted(DefaultElement& element);  ///< true if the command line deletes it
  void remember(const DefaultElement& element);

  /// Resolves `${group}` in an option or path from the choices known so far and the list that holds it.
  std::string resolve(const std::string& text, const std::vector<DefaultElement>& list, bool self_added) const;

  void check_used() const;
  /// Option of a group ("null" if it has none); nullopt if the group was never met.
  std::optional<std::string> known(const std::string& key) const;

 private:
  struct Choice {
    std::optional<std::string> option;
    std::optional<std::vector<std::string>> options;
    bool external = false;     ///< from the command line
    bool from_append = false;  ///< written in a config that the command line appended
    bool used = false;
    std::string file;
  };
  struct Deletion {
    std::optional<std::string> option;
    bool used = false;
  };

  void sort_override(const Repository& repository, const LoadedConfig* primary, const Override& override);
  void choose(const Override& override);
  [[noreturn]] void refuse_unused(const std::string& key, const Choice& choice) const;

  /// The choice registered for an override key; null if there is none.
  Choice* find(const std::string& key);

  std::vector<std::pair<std::string, Choice>> choices_;  // by override key, in the order in which they were met
  std::map<std::string, Deletion> deletions_;
  std::vector<DefaultElement> appended_;
  std::vector<Override> config_overrides_;
  Value known_ = Value::map();  // option, or null, by override key, in the order in which they were met
  std::map<std::string, std::set<std::string>> keys_of_group_;
};

}  // namespace scalselect::config
