// The files that a pool's path means.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scalselect {

/// `path` is one of
///   * a file;
///   * a folder: the pool files in it, by name (*.parquet, else *.tar, else *.json, *.jsonl and *.ndjson, these also
///   with
///     .gz or .zst); hidden files and everything else are left alone;
///   * a pattern: * ? [..] as in a shell, {a,b}, and {00..12} as WebDataset writes it; files by name within each
///     alternative of the braces.
/// A file whose name looks like a pattern is that file. Throws UserError(kInput) if nothing is found, naming what was
/// looked for.
std::vector<std::filesystem::path> pool_files(const std::string& path);

/// The alternatives of the braces of a pattern, in their order: "a{1..2}.{x,y}" is a1.x, a1.y, a2.x, a2.y. Throws
/// UserError(kInput) for more than a million.
std::vector<std::string> expand_braces(const std::string& pattern);

}  // namespace scalselect
