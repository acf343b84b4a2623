#include "experiments/runs/selection_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "core/sorted_rows.h"
#include "data/pool_source.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::int64_t>;

Rows sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// A square table with the sets' names at its sides; `cell(i, j)` for i != j.
std::string matrix(const std::vector<NamedRows>& sets, const std::string& title,
                   const std::function<std::string(std::size_t, std::size_t)>& cell) {
  std::size_t first = 0;
  std::vector<std::size_t> widths;
  for (const auto& set : sets) first = std::max(first, set.name.size());
  for (std::size_t j = 0; j < sets.size(); ++j) {
    widths.push_back(sets[j].name.size());
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if (i != j) widths[j] = std::max(widths[j], cell(i, j).size());
    }
  }
  std::string text = title + "\n" + std::string(first, ' ');
  for (std::size_t j = 0; j < sets.size(); ++j) text += fmt::format("  {:>{}}", sets[j].name, widths[j]);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    text += fmt::format("\n{:{}}", sets[i].name, first);
    for (std::size_t j = 0; j < sets.size(); ++j) text += fmt::format("  {:>{}}", i == j ? "." : cell(i, j), widths[j]);
  }
  return text + "\n";
}

std::string z_text(double z) { return std::isnan(z) ? "-" : fmt::format("{:+.1f}", z); }

enum Part { kStayed, kEntered, kLeft, kParts };
constexpr const char* kPartNames[] = {"stayed", "entered", "left"};

Json mean_and_median(std::vector<std::int64_t> values) {
  if (values.empty()) return {{"mean", nullptr}, {"median", nullptr}};
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const auto value : values) sum += static_cast<double>(value);
  const auto middle = values.size() / 2;
  const auto upper = static_cast<double>(values[middle]),
             lower = static_cast<double>(values[middle - (values.size() % 2 == 0 ? 1 : 0)]);
  return {{"mean", sum / static_cast<double>(values.size())}, {"median", (lower + upper) / 2}};
}

struct Source {
  std::int64_t counts[kParts] = {0, 0, 0};
};

/// What is gathered about the rows of either selection in one walk.
struct Gathered {
  std::map<std::string, Source> sources;
  std::vector<std::int64_t> words[kParts], turns[kParts];
  std::map<std::string, unsigned> pictures;  ///< bits: of a, of b
  std::vector<std::vector<std::string>> of_row[kParts];

  void add(Part part, const Sample& sample, const fs::path& image_root) {
    ++sources[source_of(sample, image_root)].counts[part];
    words[part].push_back(words_of(sample));
    turns[part].push_back(std::ssize(sample.turns));
    for (const auto& image : sample.images) pictures[image] |= part == kStayed ? 3U : part == kLeft ? 1U : 2U;
    of_row[part].push_back(sample.images);
  }

  std::int64_t pictures_of(unsigned bits) const {
    return std::count_if(pictures.begin(), pictures.end(),
                         [&](const auto& entry) { return (entry.second & bits) == bits; });
  }
  /// Rows of `part` with a picture that a sample of the other selection has, too.
  std::int64_t sharing(Part part, unsigned other) const {
    return std::count_if(of_row[part].begin(), of_row[part].end(), [&](const auto& images) {
      return std::any_of(images.begin(), images.end(),
                         [&](const auto& image) { return (pictures.at(image) & other) != 0; });
    });
  }
};

Json lengths_json(const std::vector<std::int64_t> (&values)[kParts]) {
  Json json;
  for (int part = 0; part < kParts; ++part) json[kPartNames[part]] = mean_and_median(values[part]);
  return json;
}

std::string number(const Json& value) { return value.is_null() ? "-" : fmt::format("{:.1f}", value.get<double>()); }

}  // namespace

Overlap overlap_of(const Rows& a, const Rows& b, std::int64_t pool_rows) {
  Overlap overlap;
  overlap.common = std::ssize(common(sorted(a), sorted(b)));
  const auto x = static_cast<double>(a.size()), y = static_cast<double>(b.size()), n = static_cast<double>(pool_rows);
  const double either = x + y - static_cast<double>(overlap.common);
  overlap.jaccard = either > 0 ? static_cast<double>(overlap.common) / either : 0;
  overlap.expected = x * y / n;
  overlap.deviation = n > 1 ? std::sqrt(x * (y / n) * (1 - y / n) * (n - x) / (n - 1)) : 0;
  overlap.z = overlap.deviation > 0 ? (static_cast<double>(overlap.common) - overlap.expected) / overlap.deviation
                                    : std::nan("");
  return overlap;
}

Json overlap_json(const std::vector<NamedRows>& sets, std::int64_t pool_rows) {
  Json json = {{"pool_rows", pool_rows}, {"sets", Json::array()}, {"pairs", Json::array()}};
  for (const auto& set : sets) json["sets"].push_back({{"name", set.name}, {"rows", set.rows.size()}});
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (std::size_t j = i + 1; j < sets.size(); ++j) {
      const auto o = overlap_of(sets[i].rows, sets[j].rows, pool_rows);
      json["pairs"].push_back({{"a", sets[i].name},
                               {"b", sets[j].name},
                               {"common", o.common},
                               {"jaccard", o.jaccard},
                               {"expected", o.expected},
                               {"deviation", o.deviation},
                               {"z", std::isnan(o.z) ? Json() : Json(o.z)}});
    }
  }
  return json;
}

std::string overlap_text(const std::vector<NamedRows>& sets, std::int64_t pool_rows) {
  std::vector<Overlap> all;
  for (const auto& a : sets) {
    for (const auto& b : sets) all.push_back(overlap_of(a.rows, b.rows, pool_rows));
  }
  const auto at = [&](std::size_t i, std::size_t j) { return all[i * sets.size() + j]; };
  std::string text;
  for (const auto& set : sets) text += fmt::format("{}: {} of {} rows\n", set.name, set.rows.size(), pool_rows);
  text += "\n" + matrix(sets, "rows in both (expected of random sets of these sizes)",
                        [&](auto i, auto j) { return fmt::format("{} ({:.1f})", at(i, j).common, at(i, j).expected); });
  text += "\n" + matrix(sets, "Jaccard index", [&](auto i, auto j) { return fmt::format("{:.4f}", at(i, j).jaccard); });
  return text + "\n" + matrix(sets, "z: standard deviations of random sets above what they share", [&](auto i, auto j) {
           return z_text(at(i, j).z);
         });
}

std::int64_t words_of(const Sample& sample) {
  std::int64_t count = 0;
  for (const auto& turn : sample.turns) {
    std::istringstream words(turn.text);
    for (std::string word; words >> word;) count += word != "<image>";
  }
  return count;
}

Json diff_json(const Pool& pool, const NamedRows& a, const NamedRows& b) {
  const auto in_a = sorted(a.rows), in_b = sorted(b.rows);
  const Rows parts[kParts] = {common(in_a, in_b), without(in_b, in_a), without(in_a, in_b)};
  Gathered gathered;
  for (int part = 0; part < kParts; ++part) {
    pool.for_each_of(parts[part], [&](const Sample& sample) {
      gathered.add(static_cast<Part>(part), sample, pool.image_root(sample.row));
    });
  }
  auto sources = Json::array();
  for (const auto& [name, source] : gathered.sources) {
    const auto& counts = source.counts;
    sources.push_back({{"source", name},
                       {"a", counts[kStayed] + counts[kLeft]},
                       {"b", counts[kStayed] + counts[kEntered]},
                       {"entered", counts[kEntered]},
                       {"left", counts[kLeft]}});
  }
  return {{"pool", pool.file().string()},
          {"a", {{"name", a.name}, {"rows", a.rows.size()}}},
          {"b", {{"name", b.name}, {"rows", b.rows.size()}}},
          {"stayed", parts[kStayed].size()},
          {"entered", parts[kEntered].size()},
          {"left", parts[kLeft].size()},
          {"sources", sources},
          {"words", lengths_json(gathered.words)},
          {"turns", lengths_json(gathered.turns)},
          {"pictures",
           {{"a", gathered.pictures_of(1)},
            {"b", gathered.pictures_of(2)},
            {"both", gathered.pictures_of(3)},
            {"entered_with_a_picture_of_a", gathered.sharing(kEntered, 1)},
            {"left_with_a_picture_of_b", gathered.sharing(kLeft, 2)}}}};
}

std::string diff_text(const Json& diff) {
  const auto& a = diff["a"];
  const auto& b = diff["b"];
  std::string text = fmt::format(
      "A  {}: {} rows\nB  {}: {} rows\n{} stayed, {} entered, {} left\n\n{:24} {:>9} {:>9} {:>9} {:>9}\n",
      a["name"].get<std::string>(), a["rows"].get<std::int64_t>(), b["name"].get<std::string>(),
      b["rows"].get<std::int64_t>(), diff["stayed"].get<std::int64_t>(), diff["entered"].get<std::int64_t>(),
      diff["left"].get<std::int64_t>(), "source", "A", "B", "entered", "left");
  for (const auto& source : diff["sources"]) {
    text += fmt::format("{:24} {:9} {:9} {:9} {:9}\n", source["source"].get<std::string>(),
                        source["a"].get<std::int64_t>(), source["b"].get<std::int64_t>(),
                        source["entered"].get<std::int64_t>(), source["left"].get<std::int64_t>());
  }
  text += fmt::format("\n{:24} {:>15} {:>15} {:>15}\n", "mean (median)", "stayed", "entered", "left");
  for (const char* what : {"words", "turns"}) {
    text += fmt::format("{:24}", what);
    for (const char* part : kPartNames)
      text +=
          fmt::format(" {:>15}", number(diff[what][part]["mean"]) + " (" + number(diff[what][part]["median"]) + ")");
    text += "\n";
  }
  const auto& pictures = diff["pictures"];
  return text + fmt::format(
                    "\npictures: {} in A, {} in B, {} in both; {} of the rows that entered show a picture of A, {} of "
                    "those that left one of B\n",
                    pictures["a"].get<std::int64_t>(), pictures["b"].get<std::int64_t>(),
                    pictures["both"].get<std::int64_t>(), pictures["entered_with_a_picture_of_a"].get<std::int64_t>(),
                    pictures["left_with_a_picture_of_b"].get<std::int64_t>());
}

}  // namespace scalselect::pipeline
