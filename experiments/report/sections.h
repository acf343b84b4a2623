// What a report says of one regime besides its main table, in the order in which it is read: each part is a grid that
// every format writes in its own way.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/collect.h"
#include "experiments/report/published.h"
#include "experiments/report/table.h"

namespace scalselect::report {

/// What papers report for the experiment; empty if nothing is known.
struct Published {
  std::vector<PublishedTable> tables;
  std::vector<PublishedMetric> metrics;
};

struct Section {
  std::string id;     ///< of the page: "published-epochs"
  std::string title;  ///< "Beside the published numbers, at equal epochs"
  Grid grid;
  bool brief = true;  ///< fit for a terminal and a paper; else for those who look for it: folded on the page
};

/// Only those that have rows.
std::vector<Section> sections_of(const Collection& collection, const Table& table, const Published& published);

}  // namespace scalselect::report
