#include "experiments/app/answer_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "core/store.h"
#include "core/utf8.h"
#include "eval/json_files.h"
#include "eval/registry.h"
#include "eval/text.h"

namespace scalselect::app {
namespace fs = std::filesystem;
namespace {

/// The kind that a benchmark's name speaks of; empty if none or several.
std::string kind_of(const std::string& name) {
  auto words = eval::lower(name);
  std::replace_if(
      words.begin(), words.end(), [](char c) { return c == '-' || c == '_' || c == '.' || c == '/'; }, ' ');
  std::set<std::string> kinds;
  const auto known = eval::benchmark_kinds();
  for (const auto& word : eval::split_words(words)) {
    if (std::find(known.begin(), known.end(), word) != known.end()) kinds.insert(word);
  }
  return kinds.size() == 1 ? *kinds.begin() : "";
}

/// The name of the benchmark that a file's first record answers.
std::string benchmark_of(const fs::path& file) {
  struct Found {
    std::string name;
  };
  try {
    eval::for_each_json_line(file, [](const nlohmann::json& record, const std::string& where) {
      throw Found{eval::json_string(record, "bench", where)};
    });
  } catch (const Found& found) {
    return found.name;
  }
  throw UserError(ErrorKind::kInput, file.string() + ": holds no predictions",
                  "`eval import` makes predictions of other harnesses' files.");
}

AnswerFile from_file(const std::string& command, const PlainWords& asked, const std::string& word,
                     const fs::path& file) {
  eval::BenchmarkOptions usual;
  usual.name = benchmark_of(file);
  usual.kind = kind_of(usual.name);
  AnswerFile answers{word, file.stem().string(), benchmark_asked(asked, usual), file};
  if (answers.model == "predictions") answers.model = fs::absolute(file).parent_path().filename().string();
  answers.benchmark.name = usual.name;  // the records' own, whatever it is called now
  if (!answers.benchmark.kind.empty()) return answers;
  refuse_plain(command,
               fmt::format("'{}' answers '{}', and no kind of benchmark is called that: say kind=NAME, one of {}.",
                           file.string(), usual.name, fmt::join(eval::benchmark_kinds(), ", ")));
}

std::vector<AnswerFile> from_run(const PlainWords& asked, const std::string& word) {
  const Store store(asked.store(), Store::Mode::kReadOnly);
  const auto run = store.run(word);
  std::vector<AnswerFile> all;
  const nlohmann::ordered_json::json_pointer place("/eval/benchmarks");
  const auto benchmarks = run.config.contains(place) ? run.config.at(place) : nlohmann::ordered_json::array();
  for (const auto& item : benchmarks) {
    auto options = bind_options<eval::BenchmarkOptions>(nlohmann::json(item), "eval.benchmarks");
    options = eval::make_benchmark(options)->options();
    for (const auto& artifact : store.artifacts(run.id)) {
      if (artifact.name != "predictions/" + options.name) continue;
      const auto file = fs::path(artifact.path) / "predictions.jsonl";
      if (!fs::exists(file)) {
        throw UserError(ErrorKind::kInput,
                        fmt::format("Run {} ({}) names '{}', which is gone.", run.id, run.name, file.string()),
                        "Run it again; what is still cached is not computed again.");
      }
      all.push_back({run.id, run.name, options, file});
    }
  }
  if (all.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("Run {} ({}) has no answers.", run.id, run.name),
                    "`scalselect runs` lists the others.");
  }
  return all;
}

}  // namespace

const std::set<std::string>& benchmark_keys() {
  static const std::set<std::string> keys = {"circular", "images", "kind", "language",
                                             "limit",    "name",   "path", "style"};
  return keys;
}

eval::BenchmarkOptions benchmark_asked(const PlainWords& asked, const eval::BenchmarkOptions& usual) {
  auto tree = nlohmann::json(dump_options(usual));
  for (const auto& [key, value] : asked.values) {
    if (!benchmark_keys().contains(key)) continue;
    tree[key] = value;
    if (key == "limit") tree[key] = nlohmann::json::parse(value, nullptr, false);
    if (tree[key].is_discarded()) tree[key] = value;
  }
  return bind_options<eval::BenchmarkOptions>(tree);
}

std::vector<AnswerFile> answer_files(const std::string& command, const PlainWords& asked, const std::string& word,
                                     const std::string& benchmark) {
  std::error_code unknown;
  std::vector<AnswerFile> all;
  if (fs::is_regular_file(word, unknown)) all = {from_file(command, asked, word, word)};
  else if (fs::is_regular_file(fs::path(word) / "predictions.jsonl", unknown)) {
    all = {from_file(command, asked, word, fs::path(word) / "predictions.jsonl")};
  } else if (word.find('/') != std::string::npos || word.ends_with(".jsonl")) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' does not exist.", word), "Check the path.");
  } else {
    all = from_run(asked, word);
  }
  if (benchmark.empty()) return all;
  Words names;
  for (const auto& answers : all) names.push_back(answers.benchmark.name);
  std::erase_if(all, [&](const AnswerFile& answers) { return answers.benchmark.name != benchmark; });
  if (!all.empty()) return all;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("'{}' has no answers to '{}'.{}", word, benchmark, did_you_mean(benchmark, names)),
                  fmt::format("It answered {}.", fmt::join(names, ", ")));
}

Words listed(const std::string& list) {
  Words parts;
  for (std::size_t begin = 0; begin <= list.size() && !list.empty();) {
    const auto end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void require_one_of(const std::string& command, const std::string& key, const std::string& value, const Words& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  refuse_plain(command, fmt::format("'{}={}' is not one of {}.{}", key, value, fmt::join(known, ", "),
                                    did_you_mean(value, known)));
}

void refuse_overwriting(const std::string& command, const fs::path& out, const std::vector<fs::path>& inputs) {
  std::error_code unknown;
  for (const auto& input : inputs) {
    if (!input.empty() && fs::equivalent(out, input, unknown)) {
      refuse_plain(command, fmt::format("'{}' is read here, so it cannot be out=.", out.string()));
    }
  }
}

std::string aligned(const std::vector<Words>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], eval::length(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string blanks(widths[c] - eval::length(row[c]), ' ');
      line += (c == 0 ? "  " : "  ") + (c == 0 ? row[c] + blanks : blanks + row[c]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string first_of(const Words& names, std::size_t shown) {
  if (names.size() <= shown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more",
                     fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     names.size() - shown);
}

}  // namespace scalselect::app
