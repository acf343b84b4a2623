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
#include "selector/feature_store.h"

namespace scalselect {
namespace {

bool begins_with(const std::filesystem::path& file, const std::string& magic) {
  std::ifstream in(file, std::ios::binary);
  std::string head(magic.size(), '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return in && head == magic;
}

bool is_vector(const FeatureSpec& spec) {
  return std::holds_alternative<PooledVisualSpec>(spec) || std::holds_alternative<HiddenMeanSpec>(spec) ||
         std::holds_alternative<TowerMeanSpec>(spec);
}

std::string vector_methods() {
  std::string names;
  for (const auto& entry : methods()) {
    if (!needs_vectors_only(*entry.make(nlohmann::json::object(), "", {}))) continue;
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  return names;
}

constexpr std::int64_t kBlockRows = 4096;

/// Rows without NaN or infinity, ascending.
std::vector<std::int64_t> finite_rows(const RowSource& vectors) {
  const std::int64_t cols = vectors.cols();
  std::vector<std::int64_t> rows;
  std::vector<float> block(static_cast<std::size_t>(kBlockRows * cols));
  for (std::int64_t first = 0; first < vectors.rows(); first += kBlockRows) {
    const auto count = std::min(kBlockRows, vectors.rows() - first);
    vectors.read(first, count, block.data());
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = block.data() + i * cols;
      if (std::all_of(row, row + cols, [](float value) { return std::isfinite(value); })) rows.push_back(first + i);
    }
  }
  return rows;
}

/// 0 .. size - 1 without `rows`.
std::vector<std::int64_t> missing_rows(const std::vector<std::int64_t>& rows, std::int64_t size) {
  std::vector<std::int64_t> missing;
  for (std::int64_t row = 0; row < size; ++row) {
    if (!std::binary_search(rows.begin(), rows.end(), row)) missing.push_back(row);
  }
  return missing;
}

/// Some rows of a table as a table of their own.
class RowsOf final : public RowSource {
 public:
  RowsOf(std::shared_ptr<const RowSource> all, std::vector<std::int64_t> rows)
      : all_(std::move(all)), rows_(std::move(rows)) {}
  std::int64_t rows() const override { return static_cast<std::int64_t>(rows_.size()); }
  std::int64_t cols() const override { return all_->cols(); }
  void read(std::int64_t first, std::int64_t count, float* out) const override {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t start = at(first + done);
      std::int64_t run = 1;  // neighbours are read at once
      while (done + run < count && at(first + done + run) == start + run) ++run;
      all_->read(start, run, out + done * cols());
      done += run;
    }
  }

 private:
  std::int64_t at(std::int64_t i) const { return rows_[static_cast<std::size_t>(i)]; }

  std::shared_ptr<const RowSource> all_;
  std::vector<std::int64_t> rows_;
};

/// The first few of a list, and how many more.
std::string listed(const std::vector<std::int64_t>& rows) {
  constexpr std::size_t kShown = 10;
  const auto shown = std::min(rows.size(), kShown);
  const auto text = fmt::format("{}", fmt::join(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return rows.size() > shown ? fmt::format("{} and {} more", text, rows.size() - shown) : text;
}

}  // namespace

bool needs_vectors_only(const SelectionMethod& method) {
  const auto needs = method.needs();
  return needs.empty() || (needs.size() == 1 && is_vector(needs.front()));
}

FeatureFile open_feature_file(const std::filesystem::path& file) {
  if (begins_with(file, "\x93NUMPY")) return {file, open_npy_rows(file), {}};
  auto representations = import_representations(file);
  return {file, std::move(representations.vectors), std::move(representations.ids)};
}

std::unique_ptr<SelectionMethod> make_vector_method(const std::string& name, const nlohmann::json& options,
                                                    const std::string& path, const KeyOrigin& origin) {
  auto method = make_method(name, options, path, origin);
  if (needs_vectors_only(*method)) return method;
  std::string needs;
  for (const auto& spec : method->needs()) needs += (needs.empty() ? "" : " and ") + feature_name(spec);
  throw UserError(
      ErrorKind::kUsage, fmt::format("Method '{}' needs {}; a feature file holds one table of vectors.", name, needs),
      fmt::format("Give model.path and pool.path instead of features, or choose one of: {}.", vector_methods()));
}

SelectionResult select_from_file(const SelectionMethod& method, const FeatureFile& file, const Budget& budget,
                                 std::uint64_t seed) {
  MethodInput input;
  input.pool_size = file.vectors->rows();
  input.seed = seed;
  input.candidates = finite_rows(*file.vectors);
  FeatureTable table{file.vectors, input.candidates};
  if (std::ssize(input.candidates) < input.pool_size) {
    log_warning("'{}': {} of {} vectors hold NaN or infinity and cannot be chosen: rows {}", file.path.string(),
                input.pool_size - std::ssize(input.candidates), input.pool_size,
                listed(missing_rows(input.candidates, input.pool_size)));
    table.vectors = std::make_shared<RowsOf>(file.vectors, input.candidates);
  }
  if (!method.needs().empty()) input.features = {std::move(table)};
  if (input.candidates.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("No vector of '{}' is finite.", file.path.string()),
                    "Extract the features again.");
  }
  return method.select(input, budget.rows(input.pool_size, std::ssize(input.candidates)));
}

std::vector<std::int64_t> pool_rows(const FeatureFile& file, const Pool& pool, IdKind ids) {
  const std::int64_t size = file.vectors->rows();
  std::vector<std::int64_t> rows(static_cast<std::size_t>(size));
  if (file.ids.empty()) {
    if (size != pool.size()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("'{}' has {} rows and no ids, the pool '{}' has {} samples.", file.path.string(),
                                  size, pool.file().string(), pool.size()),
                      "Give one vector a sample, or an .npz with sample_ids.");
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

void write_row_list(const std::vector<std::int64_t>& rows, const std::filesystem::path& file) {
  std::string text;
  for (const auto row : rows) text += std::to_string(row) + "\n";
  write_file_atomically(file, text);
}

}  // namespace scalselect
