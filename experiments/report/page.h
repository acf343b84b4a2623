// One HTML file that needs nothing else: tables, plots, and what was ranked highest and lowest.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/collect.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"

namespace scalselect::report {

/// The page's text: tables, plots, samples, and of the runs their commands, dates, versions, machines and settings.
/// Images and plots are embedded; no script, no network; readable from 400 px upwards, light and dark.
std::string page_html(const Collection& collection, const std::vector<Table>& tables, const std::vector<Plot>& plots,
                      const Published& published = {});

}  // namespace scalselect::report
