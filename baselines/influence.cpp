#include "baselines/influence.h"

#include <algorithm>
#include <map>

#include "baselines/table_rows.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 4096;

/// Calls body(block) for blocks of `rows`, each loaded with vectors of length 1.
template <class Body>
void for_blocks(const FeatureTable& table, const std::vector<std::int64_t>& rows, std::string_view method,
                const Body& body) {
  for (std::size_t first = 0; first < rows.size(); first += kBlock) {
    const auto last = std::min(rows.size(), first + kBlock);
    body(
        load_rows(table,
                  {rows.begin() + static_cast<std::ptrdiff_t>(first), rows.begin() + static_cast<std::ptrdiff_t>(last)},
                  true, method),
        static_cast<std::int64_t>(first));
  }
}

}  // namespace

std::string task_name(const std::string& source, int parts) {
  std::size_t end = 0;
  for (int part = 0; part < parts && end != std::string::npos; ++part) end = source.find('/', part == 0 ? 0 : end + 1);
  return parts == 0 ? source : source.substr(0, end);
}

TargetTasks tasks_of(const TargetInput& target, int parts) {
  std::map<std::string, std::vector<std::int64_t>> tasks;
  for (const auto row : target.rows) {
    tasks[task_name(target.tasks[static_cast<std::size_t>(row)], parts)].push_back(row);
  }
  TargetTasks found;
  for (auto& [name, rows] : tasks) {
    found.names.push_back(name);
    found.rows.push_back(std::move(rows));
  }
  return found;
}

std::vector<float> group_means(const FeatureTable& table, const std::vector<std::vector<std::int64_t>>& groups,
                               std::string_view method) {
  std::vector<float> means;
  for (const auto& group : groups) {
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(table.vectors->cols());
    for_blocks(table, group, method, [&](const TableRows& block, std::int64_t) { sum += sum_of_rows(block.matrix()); });
    for (const double value : sum) means.push_back(static_cast<float>(value / static_cast<double>(group.size())));
  }
  return means;
}

std::vector<double> mean_cosines(const FeatureTable& table, const std::vector<std::int64_t>& candidates,
                                 const std::vector<float>& directions, std::string_view method) {
  const auto cols = table.vectors->cols();
  const auto count = static_cast<std::int64_t>(directions.size()) / cols;
  std::vector<double> products(candidates.size() * static_cast<std::size_t>(count));
  for_blocks(table, candidates, method, [&](const TableRows& block, std::int64_t first) {
    parallel_blocks(block.size(), 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t k = 0; k < count; ++k) {
          products[static_cast<std::size_t>((first + i) * count + k)] =
              dot(block.row(i), directions.data() + k * cols, cols);
        }
      }
    });
  });
  return products;
}

}  // namespace scalselect
