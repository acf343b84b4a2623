#include "baselines/feature_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <numeric>

#include "baselines/registry.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/npz.h"
#include "data/pool_paths.h"
#include "selector/feature_kinds.h"
#include "selector/feature_store.h"
#include "selector/rows.h"

namespace scalselect {
namespace {

bool begins_with(const std::filesystem::path& file, const std::string& magic) {
  std::ifstream in(file, std::ios::binary);
  std::string head(magic.size(), '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return in && head == magic;
}

bool is_matrix(const std::filesystem::path& file) { return begins_with(file, "\x93NUMPY"); }

std::shared_ptr<const RowSource> matrix_after_matrix(std::span<const std::filesystem::path> files) {
  std::vector<std::shared_ptr<const RowSource>> shards;
  for (const auto& file : files) {
    shards.push_back(open_npy_rows(file));
    check_columns(*shards.back(), file, *shards.front(), files.front());
  }
  return shards.size() == 1 ? shards.front() : rows_after_rows(std::move(shards));
}

std::string vector_methods() {
  std::string names;
  for (const auto& entry : methods()) {
    if (!needs_vectors_only(entry.make(nlohmann::json::object(), "", {}))) continue;
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  return names;
}

constexpr std::int64_t kBlockRows = 4096;

/// Rows of the whole source without NaN or infinity, ascending.
std::vector<std::int64_t> finite_rows_of(const RowSource& vectors) {
  std::vector<std::int64_t> rows;
  for_each_block(vectors, kBlockRows, [&](std::int64_t first, const ConstRows& block) {
    for (const auto row : finite_rows(block)) rows.push_back(first + row);
  });
  return rows;
}

/// The first few rows that are missing from `rows`, and how many more.
std::string missing_text(const std::vector<std::int64_t>& rows, std::int64_t size) {
  constexpr std::int64_t kShown = 10;
  std::vector<std::int64_t> missing;
  for (std::int64_t row = 0; row < size && std::ssize(missing) < kShown; ++row) {
    if (!std::binary_search(rows.begin(), rows.end(), row)) missing.push_back(row);
  }
  const auto more = size - std::ssize(rows) - std::ssize(missing);
  return fmt::format("{}{}", fmt::join(missing, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

/// The pool row that each row of the file stands for.
std::vector<std::int64_t> pool_rows(const FeatureFile& file, const Pool& pool, IdKind ids) {
  const std::int64_t size = file.vectors->rows();
  std::vector<std::int64_t> rows(static_cast<std::size_t>(size));
  if (file.ids.empty()) {
    if (size != pool.size()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("'{}' has {} rows and no ids, the pool '{}' has {} samples.", file.path.string(),
                                  size, pool.file().string(), pool.size()),
                      "Give one vector per sample, or an .npz with sample_ids.");
    }
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  // The ids are matched as those of a score file are, with the position in the place of the score.
  std::vector<ScoredId> entries;
  for (const auto& id : file.ids) entries.push_back({id, static_cast<double>(entries.size())});
  const auto positions = scores_by_row(entries, pool, ids, file.path);
  for (std::size_t row = 0; row < positions.size(); ++row) {
    if (!std::isnan(positions[row])) rows[static_cast<std::size_t>(positions[row])] = static_cast<std::int64_t>(row);
  }
  return rows;
}

}  // namespace

bool needs_vectors_only(const Method& method) {
  if (method.requires_target || method.needs.size() > 1) return false;
  return method.needs.empty() || is_representation(method.needs.front());
}

std::vector<std::filesystem::path> feature_files(std::span<const std::string> names) {
  std::vector<std::filesystem::path> files;
  for (const auto& name : names) {
    std::error_code unknown;
    const bool pattern = name.find_first_of("*?[{") != std::string::npos;
    if (!pattern || std::filesystem::exists(name, unknown)) files.emplace_back(name);
    else
      for (auto& file : pool_files(name)) files.push_back(std::move(file));
  }
  return files;
}

FeatureFile open_feature_file(const std::filesystem::path& path) { return open_feature_file(std::span(&path, 1)); }

FeatureFile open_feature_file(std::span<const std::filesystem::path> paths) {
  const auto matrices = std::count_if(paths.begin(), paths.end(), is_matrix);
  Representations table;
  if (matrices == 0) {
    table = import_representations(paths);
  } else if (matrices == std::ssize(paths)) {
    table.vectors = matrix_after_matrix(paths);
  } else {
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} of the {} files of features are .npy matrices, which have no ids, and others have.",
                                matrices, paths.size()),
                    "Give the shards of one table, all .npz or all .npy.");
  }
  std::filesystem::path name = paths.front();
  if (paths.size() > 1) name += fmt::format(" and {} more", paths.size() - 1);
  FeatureFile file{std::move(name), std::move(table.vectors), std::move(table.ids), {}};
  const auto& path = file.path;
  file.finite = finite_rows_of(*file.vectors);
  const auto size = file.vectors->rows();
  if (file.finite.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("No vector of '{}' is finite.", path.string()),
                    "Extract the features again.");
  }
  if (std::ssize(file.finite) < size) {
    log_warning("'{}': {} of {} vectors hold NaN or infinity, so no method can choose them: rows {}", path.string(),
                size - std::ssize(file.finite), size, missing_text(file.finite, size));
  }
  return file;
}

Method make_vector_method(const std::string& name, const nlohmann::json& options, const std::string& path,
                          const KeyOrigin& origin) {
  auto method = make_method(name, options, path, origin);
  if (needs_vectors_only(method)) return method;
  std::string needs;
  for (const auto& spec : method.needs) needs += (needs.empty() ? "" : " and ") + feature_name(spec);
  throw UserError(
      ErrorKind::kUsage, fmt::format("Method '{}' needs {}; a feature file holds one table of vectors.", name, needs),
      fmt::format("Give model.path and pool.path instead of features, or choose one of: {}.", vector_methods()));
}

FeatureTable table_of(const FeatureFile& file) {
  if (std::ssize(file.finite) == file.vectors->rows()) return {file.vectors, file.finite};
  return {some_rows(file.vectors, file.finite), file.finite};
}

FeatureTable table_of(const FeatureFile& file, const Pool& pool, IdKind ids) {
  const auto row_of = pool_rows(file, pool, ids);
  const auto pool_row = [&](std::int64_t row) { return row_of[static_cast<std::size_t>(row)]; };
  auto order = file.finite;
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return pool_row(a) < pool_row(b); });
  std::vector<std::int64_t> rows;
  for (const auto row : order) rows.push_back(pool_row(row));
  return {some_rows(file.vectors, std::move(order)), std::move(rows)};
}

void write_row_list(const std::vector<std::int64_t>& rows, const std::filesystem::path& file) {
  std::string text;
  for (const auto row : rows) text += std::to_string(row) + "\n";
  write_file_atomically(file, text);
}

}  // namespace scalselect
