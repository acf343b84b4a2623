// report: tables, plots and the page of an experiment, made again from the store.
#include <fmt/format.h>

#include "experiments/app/plain_words.h"
#include "experiments/report/report.h"

namespace scalselect::app {

int write_report(const Words& words) {
  const auto asked = parse_plain("report", words, 0);
  report::ReportRequest request{asked.store(), asked.value("experiment"), asked.value("out")};
  request.against = asked.value("against", request.against);
  if (request.experiment.empty()) refuse_plain("report", "`report` needs the name of an experiment.");
  const auto written = report::write_report(request);
  fmt::print("{}\nreport: {}\n", written.table_text, written.page.string());
  return 0;
}

}  // namespace scalselect::app
