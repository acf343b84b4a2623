// Git LFS's stand-in for a file that was not fetched.
#pragma once

#include <string_view>

namespace scalselect {

/// Whether a file that begins with `head` is such a stand-in: a few lines of text with the file's digest and size.
inline bool is_lfs_pointer(std::string_view head) { return head.starts_with("version https://git-lfs"); }

/// "Fetch the file itself: git lfs pull."
inline constexpr char kFetchFromLfs[] = "Fetch the file itself: git lfs pull.";

}  // namespace scalselect
