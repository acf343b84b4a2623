// pool: what is in a pool, and the same pool in another container.
#include "experiments/app/pool_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "data/describe_pool.h"
#include "data/subset.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/schema/command_options.h"

namespace scalselect::app {
namespace {

using Json = nlohmann::ordered_json;
using Counts = std::vector<std::pair<std::string, std::int64_t>>;

constexpr std::size_t kShownSources = 20;

Pool open(const PlainWords& asked) {
  PoolEntry entry{asked.names[1], {}, {}, {}, {}};
  if (const auto root = asked.value("image_root"); !root.empty()) entry.image_root = root;
  return Pool(std::vector<PoolEntry>{entry});
}

/// Largest first.
Counts by_size(const std::map<std::string, std::int64_t>& counts) {
  Counts sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void print_distribution(const char* name, const Distribution& values) {
  if (values.count() == 0) return;
  fmt::print("  {:22} {:>8} {:>8} {:>10.1f} {:>8} {:>8} {:>8}\n", name, values.min(), values.quantile(0.5),
             values.mean(), values.quantile(0.95), values.quantile(0.99), values.max());
}

void print_text(const PoolDescription& pool, const std::string& name) {
  const auto usable = pool.rows - pool.left_out;
  fmt::print("{}: {} rows, {} left out, {} without a picture, {} with several\n", name, pool.rows, pool.left_out,
             pool.text_only, pool.several_pictures);
  fmt::print("\nsources (the field `source`, else the folder of the picture)\n");
  const auto sources = by_size(pool.sources);
  std::int64_t others = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& [source, rows] = sources[i];
    if (i < kShownSources)
      fmt::print("  {:>9} {:>5.1f} %  {}\n", rows, percent(rows, usable), source.empty() ? "(unknown)" : source);
    else others += rows;
  }
  if (others > 0)
    fmt::print("  {:>9} {:>5.1f} %  {} more\n", others, percent(others, usable), sources.size() - kShownSources);
  fmt::print("\n  {:22} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8}\n", "", "least", "median", "mean", "95 %", "99 %", "most");
  print_distribution("questions a sample", pool.questions);
  print_distribution("words a question", pool.question_words);
  print_distribution("words an answer", pool.answer_words);
  print_distribution("text tokens a sample", pool.tokens);
  print_distribution("width of a picture", pool.widths);
  print_distribution("height of a picture", pool.heights);
  fmt::print("\npictures: {} in samples, {} different names", pool.picture_uses, pool.picture_names);
  if (!pool.picture_formats.empty()) fmt::print(", {} different contents", pool.picture_contents);
  for (const auto& [format, count] : by_size(pool.picture_formats)) fmt::print(", {} {}", count, format);
  fmt::print("\n");
  if (pool.tags_differ > 0) fmt::print("{} rows have another number of <image> tags than pictures\n", pool.tags_differ);
  for (const auto& problem : pool.problems) {
    fmt::print("{}: {} rows, {}; the first is row {}{}\n", problem.rejected ? "left out" : "used nevertheless",
               problem.count, problem.reason, problem.row, problem.place.empty() ? "" : ", " + problem.place);
  }
  for (const auto& [reason, rows] : by_size(pool.unusable))
    fmt::print("no visual feature: {} rows, {}\n", rows, reason);
}

Json to_json(const Distribution& values) {
  return {{"count", values.count()}, {"least", values.min()},        {"median", values.quantile(0.5)},
          {"mean", values.mean()},   {"p95", values.quantile(0.95)}, {"p99", values.quantile(0.99)},
          {"most", values.max()}};
}

void print_json(const PoolDescription& pool, const std::string& name) {
  Json tree{{"pool", name},
            {"rows", pool.rows},
            {"left_out", pool.left_out},
            {"text_only", pool.text_only},
            {"several_pictures", pool.several_pictures},
            {"tags_differ", pool.tags_differ}};
  for (const auto& [source, rows] : by_size(pool.sources)) tree["sources"][source] = rows;
  tree["questions"] = to_json(pool.questions);
  tree["question_words"] = to_json(pool.question_words);
  tree["answer_words"] = to_json(pool.answer_words);
  if (pool.tokens.count() > 0) tree["tokens"] = to_json(pool.tokens);
  tree["pictures"] = {{"uses", pool.picture_uses}, {"names", pool.picture_names}};
  if (!pool.picture_formats.empty()) {
    tree["pictures"]["contents"] = pool.picture_contents;
    tree["pictures"]["formats"] = pool.picture_formats;
    tree["pictures"]["width"] = to_json(pool.widths);
    tree["pictures"]["height"] = to_json(pool.heights);
  }
  tree["problems"] = Json::array();
  for (const auto& problem : pool.problems) {
    tree["problems"].push_back({{"reason", problem.reason},
                                {"left_out", problem.rejected},
                                {"rows", problem.count},
                                {"first_row", problem.row},
                                {"place", problem.place}});
  }
  for (const auto& [reason, rows] : by_size(pool.unusable)) tree["no_visual_feature"][reason] = rows;
  fmt::print("{}\n", tree.dump(1, ' ', false, Json::error_handler_t::replace));
}

SubsetFormat subset_format(const std::string& name) {
  return bind_options<schema::SubsetFormatOption>({{"format", name}}).format;
}

int convert(const PlainWords& asked) {
  if (asked.names.size() != 3) refuse_plain("pool", "`pool convert` needs the pool and the file to write.");
  const auto pool = open(asked);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pool.size()));
  std::iota(rows.begin(), rows.end(), 0);
  check_outputs({asked.names[2]}, pool.files());
  const auto written =
      write_subset(pool, std::move(rows), asked.names[2], subset_format(asked.value("format", "auto")));
  fmt::print("{}: {} rows of '{}'\n", asked.names[2], written, asked.names[1]);
  return 0;
}

}  // namespace

int describe_pool_of(const PlainWords& asked, FeatureProbe* model) {
  const auto format = asked.value("format", "text");
  if (format != "text" && format != "json") refuse_plain("pool", "`pool describe` prints format=text or format=json.");
  DescribeOptions options;
  options.model = model;
  const auto pictures = asked.value("pictures", "true");
  if (pictures != "true" && pictures != "false")
    refuse_plain("pool", fmt::format("'pictures={}' is not true or false.", pictures));
  options.pictures = pictures == "true";
  const auto description = describe_pool(open(asked), options);
  if (format == "json") print_json(description, asked.names[1]);
  else print_text(description, asked.names[1]);
  return 0;
}

int run_pool(const Words& words) {
  const auto asked = parse_plain("pool", words, 3);
  if (asked.names.empty() || (asked.names[0] != "describe" && asked.names[0] != "convert"))
    refuse_plain("pool", "`pool` needs describe or convert.");
  if (asked.names.size() < 2) refuse_plain("pool", "No pool is named.");
  if (asked.names[0] == "convert") return convert(asked);
  if (asked.names.size() > 2) refuse_plain("pool", fmt::format("'{}' is not understood here.", asked.names[2]));
  if (!asked.value("model").empty()) return describe_with_model(words, asked);
  return describe_pool_of(asked, nullptr);
}

}  // namespace scalselect::app
