// Plots that set methods side by side.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/plots.h"

namespace scalselect::report {

/// Methods in the order of the runs, without the full pool.
std::vector<std::string> methods_of(const Collection& collection);

/// The first run of a method, at its largest budget: what plots of single runs show.
const ReportRun* sample_run(const Collection& collection, const std::string& method);

/// The methods that a plot has a colour for: all if they are eight or fewer; else scalselect, random and the best of
/// the others by relative performance at the budget with the most rows.
std::vector<std::string> highlighted(const Collection& collection, const Table& table);

/// Relative performance against budget; methods that are not in `shown` are grey.
Plot plot_performance(const Collection& collection, const Table& table, const std::vector<std::string>& shown,
                      const std::filesystem::path& folder);

/// Whether any method's relative performance is known.
bool has_ranking(const Table& table);

/// Every method at the budget with the most rows, best on top, with intervals; there must be one.
Plot plot_ranking(const Table& table, const std::filesystem::path& folder);

/// Share of each source in the pool and in every method's selection.
Plot plot_composition(const Collection& collection, const std::filesystem::path& folder);

/// Training loss of the full pool and of `shown`, under one regime; there must be some.
Plot plot_training(const Collection& collection, const std::string& regime, const std::vector<std::string>& shown,
                   const std::filesystem::path& folder);

/// Whether any run under `regime` has logged losses.
bool has_losses(const Collection& collection, const std::string& regime);

}  // namespace scalselect::report
