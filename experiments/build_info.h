// What this program was built from, and how: facts of the binary, not of a source tree that may have moved on since.
#pragma once

namespace scalselect {

struct BuildInfo {
  const char* version;
  const char* commit;  ///< "unknown" where the sources were not a git checkout
  bool dirty;          ///< tracked files differed from that commit
  const char* compiler;
  const char* build_type;
  const char* libtorch;  ///< its version; empty in a build without it
};

extern const BuildInfo kBuildInfo;

}  // namespace scalselect
