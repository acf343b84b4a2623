// SHA-256 of bytes, files and option trees: names of artifacts and identities of inputs.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace scalselect {

/// Incremental SHA-256.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(const void* data, std::size_t bytes);
  Sha256& update(std::string_view text) { return update(text.data(), text.size()); }
  /// Lower-case hex of 64 characters; the object cannot be used afterwards.
  std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256(std::string_view bytes);

/// Throws UserError(kInput) if the file cannot be read.
std::string sha256_file(const std::filesystem::path& file);

/// Hash of a JSON tree in canonical form: keys sorted, no blanks, UTF-8. 0 and 0.0 differ.
std::string sha256_json(const nlohmann::json& tree);

}  // namespace scalselect
