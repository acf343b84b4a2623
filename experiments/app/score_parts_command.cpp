// score part, merge, apply: scoring by any number of processes that need not know each other.
#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "experiments/app/plain_words.h"
#include "experiments/app/progress_rows.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/inputs/machine.h"
#include "selector/feature_store.h"
#include "selector/subspace_parts.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;

std::string needed(const std::string& command, const PlainWords& asked, const char* key) {
  const auto value = asked.value(key);
  if (value.empty()) refuse_plain(command, fmt::format("`{}` needs {}=.", command, key));
  return value;
}

/// A number of rows, not negative.
std::int64_t number_of(const std::string& command, const PlainWords& asked, const char* key, std::int64_t otherwise) {
  const auto text = asked.value(key);
  if (text.empty()) return otherwise;
  std::int64_t number = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size() || number < 0 || number > (std::int64_t{1} << 50)) {
    refuse_plain(command, fmt::format("'{}={}' is not a number of rows.", key, text));
  }
  return number;
}

/// The units that `part=I/N` asks for.
std::vector<Unit> share_of(const std::string& command, const std::string& text, std::vector<Unit> units) {
  if (text.empty()) return units;
  const auto slash = text.find('/');
  std::int64_t i = 0, n = 0;
  const auto read = [&](std::size_t begin, std::size_t end, std::int64_t& number) {
    const auto [stop, code] = std::from_chars(text.data() + begin, text.data() + end, number);
    return code == std::errc() && stop == text.data() + end;
  };
  if (slash == text.npos || !read(0, slash, i) || !read(slash + 1, text.size(), n) || i < 1 || n < i) {
    refuse_plain(command, fmt::format("'part={}' is not of the form 2/8: the second of eight parts.", text));
  }
  const auto count = static_cast<std::int64_t>(units.size());
  if (n > count) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("part={} asks for more parts than the table has blocks of {} rows: {}.", text, kUnitRows, count),
        fmt::format("Ask for {} or fewer.", count));
  }
  return {units.begin() + count * (i - 1) / n, units.begin() + count * i / n};
}

void check_columns(const SubspaceFit& fit, const fs::path& fit_file, const RowSource& vectors,
                   const fs::path& features) {
  if (fit.state().cols == vectors.cols()) return;
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}' has {} columns, the fit '{}' is of {}.", features.string(), vectors.cols(),
                              fit_file.string(), fit.state().cols),
                  "Give the features that were summed.");
}

int score_part(const Words& words) {
  const std::string command = "score part";
  const auto asked = parse_plain(command, words, 0);
  const fs::path features = needed(command, asked, "features"), out = needed(command, asked, "out");
  const fs::path fit_file = asked.value("fit");
  use_machine(asked);
  check_outputs({out}, {features, fit_file});
  const auto first = number_of(command, asked, "first", 0);
  const auto table = import_representations(features);
  const auto before = fit_file.empty() ? StoredFit{SubspaceFit(table.vectors->cols(), {})} : load_fit(fit_file);
  check_columns(before.fit, fit_file, *table.vectors, features);
  if (before.fit.next() == SubspaceFit::Pass::kScores) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("The fit '{}' is complete: nothing is left to sum.", fit_file.string()),
                    "Run `scalselect score apply` with it.");
  }
  const auto units = share_of(command, asked.value("part"), units_of(table.vectors->rows(), first));
  std::vector<std::int64_t> excluded;
  std::int64_t rows = 0;
  for (const auto& unit : units) rows += unit.count;
  const auto vectors = with_progress(table.vectors, "summing", rows);
  with_matrices_of(*vectors, [&] { write_part(*vectors, first, units, before, out, &excluded); });
  warn_of_excluded(table.ids, excluded, "are not summed");
  fmt::print("{}: the sums of {} rows, {} of them finite\n", out.string(), rows,
             rows - static_cast<std::int64_t>(excluded.size()));
  return 0;
}

int score_merge(const Words& words) {
  const std::string command = "score merge";
  const auto asked = parse_plain(command, words, words.size());
  if (asked.names.empty()) refuse_plain(command, "`score merge` needs files of sums.");
  const fs::path out = needed(command, asked, "out"), before = asked.value("fit");
  use_machine(asked);
  std::vector<fs::path> inputs(asked.names.begin(), asked.names.end());
  inputs.push_back(before);
  check_outputs({out}, inputs);
  const auto set = values_of(asked, {"center", "standardize", "l2_normalize", "energy", "directions"});
  if (!before.empty() && !set.empty()) {
    refuse_plain(command, fmt::format("'{}' is set where the fit before was made; leave it out.", set.begin().key()));
  }
  std::vector<PartContents> parts;
  for (const auto& name : asked.names) parts.push_back(read_part(name));
  auto stored = before.empty() ? StoredFit{SubspaceFit(parts.front().cols, bind_options<SubspaceOptions>(set))}
                               : load_fit(before);
  const auto kernels = make_subspace_kernels();
  const auto remarks = merge_parts(parts, stored, *kernels);
  for (const auto& gap : remarks.gaps) log_warning("{}; they count as rows that the table does not have", gap);
  for (const auto& cut : remarks.cut_units)
    log_warning("{}: scores equal one process's to rounding, not to the last digit", cut);
  save_fit(stored, out);
  const auto& fit = stored.fit;
  if (fit.next() != SubspaceFit::Pass::kScores) {
    fmt::print(
        "{}: one more pass is needed: run `score part fit={} ...` on every part, then `score merge fit={} ...`\n",
        out.string(), out.string(), out.string());
    return 0;
  }
  fmt::print("{}: {} rows, k = {} of {} directions hold {:.2f} % of the energy\n", out.string(), fit.state().count,
             fit.directions(), fit.state().cols, 100 * fit.energy_kept());
  return 0;
}

int score_apply(const Words& words) {
  const std::string command = "score apply";
  const auto asked = parse_plain(command, words, 0);
  const fs::path features = needed(command, asked, "features"), out = needed(command, asked, "out");
  const fs::path fit_file = needed(command, asked, "fit");
  use_machine(asked);
  check_outputs({out}, {features, fit_file});
  const auto fit = load_fit(fit_file).fit;
  if (fit.next() != SubspaceFit::Pass::kScores) {
    throw UserError(ErrorKind::kUsage, fmt::format("The fit '{}' needs one more pass.", fit_file.string()),
                    "Run `scalselect score part` with it on every part, then `scalselect score merge`.");
  }
  const auto table = import_representations(features);
  check_columns(fit, fit_file, *table.vectors, features);
  SubspaceScores scores;
  const auto vectors = with_progress(table.vectors, "scoring", table.vectors->rows());
  with_matrices_of(*vectors, [&] {
    FiniteBlocks blocks(*vectors);
    apply_subspace(fit, blocks, scores, nullptr, *make_subspace_kernels());
  });
  fmt::print("{}: {} scores\n", out.string(), write_vector_scores(table.ids, scores.scores, out));
  return 0;
}

}  // namespace

int run_score_verb(const Words& words) {
  const Words rest(words.begin() + 1, words.end());
  if (rest.size() == 1 && (rest[0] == "--help" || rest[0] == "-h")) {
    fmt::print("Usage: {}\n", kScorePartsUsage);
    return 0;
  }
  if (words[0] == "part") return score_part(rest);
  if (words[0] == "merge") return score_merge(rest);
  return score_apply(rest);
}

}  // namespace scalselect::app
