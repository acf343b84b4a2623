// One element of a defaults list: as written, and its place in the tree.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace scalselect::config {

struct DefaultElement {
  // As written.
  bool is_group = false;
  std::string name;                                 ///< group or path; a leading '/' is absolute
  std::optional<std::string> package;               ///< text after '@'
  std::optional<std::string> option;                ///< of a group; nullopt = null
  std::optional<std::vector<std::string>> options;  ///< of a group with several
  bool optional = false, override = false;

  // In the tree.
  bool deleted = false, primary = false, external_append = false;
  std::string parent_dir, parent_package;
  std::optional<std::string> header;  ///< package from the file's header, absolute

  static DefaultElement group(std::string name, std::optional<std::string> package);
  static DefaultElement config(std::string path, std::optional<std::string> package = std::nullopt);

  bool is_self() const { return is_group ? option == "_self_" : name == "_self_"; }
  bool is_null() const { return is_group && !option && !options; }
  bool is_missing() const { return is_group ? option == "???" : base_name() == "???"; }
  bool is_interpolation() const;

  void set_parent(const std::string& dir, const std::string& package_of_parent);
  void set_header(const std::string& text);

  std::string base_name() const;    ///< option of a group, last part of a path
  std::string group_path() const;   ///< folder it lies in
  std::string config_path() const;  ///< file, without .yaml
  std::string final_package(bool use_header = true) const;
  std::string override_key() const;  ///< group, or group@package if it is not the default one
  /// "a", "a,b" for several options, `none` for none.
  std::string choice_text(const char* none = "null") const;
};

std::string join_names(const std::vector<std::string>& names, const std::string& between);

}  // namespace scalselect::config
