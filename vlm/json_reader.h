// Keys of an HF configuration file with their types checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace scalselect::vlm {

/// Reads typed keys of one JSON object; an absent key or null leaves the default in place. A wrong type throws
/// UserError(kInput), naming file and key.
class JsonReader {
 public:
  JsonReader(const nlohmann::json& tree, std::string file, std::string prefix)
      : tree_(tree), file_(std::move(file)), prefix_(std::move(prefix)) {
    if (!tree.is_object()) fail("", "a mapping");
  }

  const nlohmann::json* find(const char* key) const {
    const auto found = tree_.find(key);
    return found == tree_.end() || found->is_null() ? nullptr : &*found;
  }

  template <class T>
  bool read(const char* key, T& target) const {
    const auto* value = find(key);
    if (value == nullptr) return false;
    if constexpr (std::is_same_v<T, std::string>) {
      if (!value->is_string()) fail(key, "a string");
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!value->is_boolean()) fail(key, "true or false");
    } else if constexpr (std::is_integral_v<T>) {
      if (!value->is_number_integer()) fail(key, "an integer");
    } else {
      if (!value->is_number()) fail(key, "a number");
    }
    target = value->get<T>();
    return true;
  }

  /// Sizes stay below 2^31, so that products of two cannot overflow.
  void read_size(const char* key, std::int64_t& target) const {
    constexpr std::int64_t kMost = (std::int64_t{1} << 31) - 1;
    if (read(key, target) && (target <= 0 || target > kMost)) fail(key, "a positive integer below 2^31");
  }

  /// As read_size; the key must be present.
  void require_size(const char* key, std::int64_t& target) const {
    if (find(key) == nullptr) fail(key, "given");
    read_size(key, target);
  }

  void read_id(const char* key, std::optional<std::int64_t>& target) const {
    std::int64_t id = 0;
    if (read(key, id) && id >= 0) target = id;
  }

  /// An integer or a list of integers; true if it was a list.
  bool read_list(const char* key, std::vector<std::int64_t>& target) const {
    const auto* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_array()) {
      target.assign(1, 0);
      read(key, target.front());
      return false;
    }
    target.clear();
    for (const auto& item : *value) {
      if (!item.is_number_integer()) fail(key, "an integer or a list of integers");
      target.push_back(item.get<std::int64_t>());
    }
    if (target.empty()) fail(key, "a list that is not empty");
    return true;
  }

  const std::string& file() const { return file_; }
  const std::string& prefix() const { return prefix_; }

  [[noreturn]] void fail(const std::string& key, const std::string& expected) const {
    throw UserError(ErrorKind::kInput, file_ + ": '" + prefix_ + key + "' must be " + expected,
                    "Restore the " + std::filesystem::path(file_).filename().string() + " that came with the model.");
  }

 private:
  const nlohmann::json& tree_;
  std::string file_, prefix_;
};

}  // namespace scalselect::vlm
