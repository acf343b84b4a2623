#include "eval/exchange/imported.h"

#include <nlohmann/json.hpp>

#include "eval/tsv.h"

namespace scalselect::eval {

ImportRemarks remarks_on(const Joined& joined) {
  ImportRemarks remarks;
  for (const auto* source : joined.sources) {
    remarks.blank += source->blank;
    remarks.missing += !source->blank && is_missing_text(source->text);
    remarks.numbers += source->number;
  }
  return remarks;
}

std::string imported_lines(const Benchmark& benchmark, const ForeignAnswers& answers, const Joined& joined,
                           MissingAnswers missing) {
  using nlohmann::json;
  const auto fingerprint = benchmark.fingerprint();
  std::string lines;
  for (const auto& [question, response] : joined.predictions) {
    json options = json::array(), images = json::array();
    for (const auto& option : question.options) options.push_back({option.label, option.text});
    for (const auto& name : question.image_names) images.push_back({{"file", name}, {"bytes_sha256", ""}});
    const bool lost = missing == MissingAnswers::kNan && is_missing_text(response);
    const json record = {
        {"schema", 1},
        {"bench", benchmark.name()},
        {"bench_file_sha256", fingerprint},
        {"id", question.id},
        {"row", question.row},
        {"group", question.group},
        {"rot", question.rotation},
        {"cluster", question.cluster},
        {"stratum", question.stratum},
        {"category", question.category},
        {"categories", question.splits},
        {"skill", question.skill},
        {"images", images},
        {"question", question.question},
        {"hint", question.hint},
        {"options", options},
        {"answers", question.answers},
        {"profile", "imported"},
        {"prompt", question.prompt},
        {"response", lost ? "nan" : response},
        {"gen", json::object()},
        {"source",
         {{"format", format_name(answers.format)}, {"file_sha256", answers.digest}, {"model", answers.model}}}};
    lines += record.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  return lines;
}

}  // namespace scalselect::eval
