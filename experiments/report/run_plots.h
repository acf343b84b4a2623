// Plots of one run: how a method scored the pool.
#pragma once

#include <filesystem>

#include "experiments/report/plots.h"

namespace scalselect::report {

/// Counts over the scores of `run`, which must have some, with the lowest chosen score marked.
Plot plot_histogram(const ReportRun& run, const std::filesystem::path& folder);

/// Energy against the number of directions, from the selection's fact `spectrum`.
Plot plot_spectrum(const ReportRun& run, const std::filesystem::path& folder);

}  // namespace scalselect::report
