// One JSON object of a pool as a Sample. Besides the two spellings of data/pool.h a row may have The Cauldron's,
//   {"images": ["a.jpg", ..], "texts": [{"user": "..", "assistant": ".."}, ..]}
// and a message's content may be a list of parts, [{"type": "image"}, {"type": "text", "text": ".."}]: an image stands
// for an `<image>` tag, and the picture that it names counts if the row names none.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/sample.h"

namespace scalselect {

/// "system", "user" or "assistant", as LLaMA-Factory, OpenAI and chat templates name them.
inline const char* role_name(Role role) {
  return role == Role::kSystem ? "system" : role == Role::kUser ? "user" : "assistant";
}

/// The result of reading one row.
struct PoolRow {
  Sample sample;
  std::string rejected;              ///< why the row cannot be used; its sample has no turns then
  std::vector<std::string> remarks;  ///< what is odd about a row that is used nevertheless
};

/// Reads one row at a time; use one reader per thread.
class PoolRowReader {
 public:
  PoolRowReader();
  ~PoolRowReader();

  /// Relative paths of pictures start from `image_root`; references (data/picture_ref.h) stay. `json` must be followed
  /// by at least kPadding readable bytes.
  PoolRow read(std::string_view json, const std::filesystem::path& image_root);
  static const std::size_t kPadding;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scalselect
