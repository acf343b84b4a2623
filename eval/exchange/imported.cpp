#include "eval/exchange/imported.h"

#include <nlohmann/json.hpp>

#include "eval/predictions.h"
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
    json images = json::array();
    for (const auto& name : question.image_names) images.push_back({{"file", name}, {"bytes_sha256", ""}});
    const bool lost = missing == MissingAnswers::kNan && is_missing_text(response);
    auto record = prediction_record(question, lost ? "nan" : response, benchmark.name(), fingerprint, std::move(images),
                                    "imported", json::object());
    record["source"] = {
        {"format", format_name(answers.format)}, {"file_sha256", answers.digest}, {"model", answers.model}};
    lines += prediction_line(record);
  }
  return lines;
}

}  // namespace scalselect::eval
