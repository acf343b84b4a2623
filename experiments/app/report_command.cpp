// report: tables, plots and the page of an experiment, made again from the store.
#include <fmt/format.h>

#include "experiments/app/commands.h"
#include "experiments/report/report.h"

namespace scalselect::app {

int write_report(const Words& words) {
  const std::string usage = std::string("Usage: ") + kReportUsage;
  report::ReportRequest request{"results/local/results.sqlite", "", {}};
  for (const auto& word : words) {
    if (word.rfind("experiment=", 0) == 0) request.experiment = word.substr(11);
    else if (word.rfind("out=", 0) == 0) request.folder = word.substr(4);
    else if (word.rfind("against=", 0) == 0) request.against = word.substr(8);
    else if (word.rfind("store=", 0) == 0) request.store = word.substr(6);
    else throw UserError(ErrorKind::kUsage, fmt::format("'{}' is not understood here.", word), usage);
  }
  if (request.experiment.empty())
    throw UserError(ErrorKind::kUsage, "`report` needs the name of an experiment.", usage);
  const auto written = report::write_report(request);
  fmt::print("{}\nreport: {}\n", written.table_text, written.page.string());
  return 0;
}

}  // namespace scalselect::app
