// Answers of other harnesses: spreadsheets (zip and XML), tables, JSON and JSON Lines.
#include "eval/exchange/answers.h"
#include "tests/fuzz/input.h"

using namespace scalselect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto* const name = text.starts_with("PK")  ? "a.xlsx"
                           : text.starts_with("[") ? "a.json"
                           : text.starts_with("{") ? "a.jsonl"
                                                   : "a.tsv";
  const auto file = fuzz::file_of(name, data, size);
  fuzz::expect_value_or_refusal([&] { eval::read_answers(file); });
  return 0;
}
