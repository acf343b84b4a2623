#include "experiments/report/page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/base64.h"
#include "core/files.h"
#include "data/picture_ref.h"
#include "experiments/report/origin.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

constexpr char kStyle[] = R"css(
:root{--fg:#1d2329;--bg:#fbfaf7;--soft:#5d6772;--line:#d8d5cc;--card:#fff;--accent:#0a5c8f;--band:#f1eee6}
@media (prefers-color-scheme:dark){:root{--fg:#e6e4df;--bg:#16191d;--soft:#9aa4ae;--line:#343a41;--card:#1e2227;--accent:#6cb8e8;--band:#23282e}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,sans-serif}
main{max-width:1400px;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;margin:.2em 0}h2{font-size:1.15rem;margin:2.2em 0 .5em;border-bottom:1px solid var(--line);padding-bottom:.25em}
p,li{max-width:72ch}.soft{color:var(--soft);font-size:.92rem}
code{background:var(--band);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;padding:0;margin:.8rem 0}a{color:var(--accent)}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:var(--card);scrollbar-width:thin}
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;font-size:.8rem;font-variant-numeric:tabular-nums;width:100%}
caption{caption-side:top;text-align:left;font-size:.92rem;font-weight:600;padding:.5rem .45rem}
caption span{position:sticky;left:.45rem;display:inline-block;max-width:calc(100vw - 4rem)}
th,td{padding:.38rem .3rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{background:var(--band);font-weight:600;white-space:normal;vertical-align:bottom;hyphens:manual}
th:first-child{text-align:left;position:sticky;left:0;background:var(--card);font-weight:400}
thead th:first-child{background:var(--band);font-weight:600}
tbody tr:last-child>*{border-bottom:0}tr.aside>*{color:var(--soft)}
.text td{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:6rem}.text thead th{text-align:left}
pre{overflow:auto;max-height:30rem;background:var(--band);border-radius:8px;padding:.8rem;font-size:.8rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:1rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem}
figure img{width:100%;height:auto;display:block}figcaption{font-size:.85rem;color:var(--soft);padding:.3rem}
@media (prefers-color-scheme:dark){figure img{filter:invert(.87) hue-rotate(180deg)}}
details{margin:.8rem 0}summary{cursor:pointer;padding:.3rem 0}
.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:.8rem}
.sample{border:1px solid var(--line);border-radius:8px;background:var(--card);padding:.6rem;font-size:.82rem;overflow-wrap:anywhere}
.sample img{width:96px;height:96px;image-rendering:pixelated;object-fit:contain;border-radius:4px;background:var(--band);display:block;margin-bottom:.4rem}
.sample p{margin:.2em 0}
)css";

std::string data_url(const std::string& file) {
  const auto bytes = read_picture(file, kReadBytes);
  const bool jpeg =
      bytes.size() > 2 && static_cast<unsigned char>(bytes[0]) == 0xFF && static_cast<unsigned char>(bytes[1]) == 0xD8;
  return std::string("data:image/") + (jpeg ? "jpeg" : "png") + ";base64," + encode_base64(bytes);
}

/// The text after the image placeholder: the card shows the image above it.
std::string without_tag(const std::string& text) {
  constexpr std::string_view kTag = "<image>";
  return text.starts_with(kTag) ? text.substr(kTag.size()) : text;
}

/// The first `limit` bytes of a text, cut between characters.
std::string beginning(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit) + "…";
}

std::string sample_card(const Sample& sample, double score, std::size_t rank) {
  const auto row = sample.row;
  std::string html = "<div class=\"sample\">";
  if (!sample.images.empty() && picture_exists(sample.images[0])) {
    html += "<img alt=\"image of row " + std::to_string(row) + "\" src=\"" + data_url(sample.images[0]) + "\">";
  }
  html += fmt::format("<p><b>#{}</b> row {}, score {:.4g}</p><p class=\"soft\">{}</p>", rank, row, score,
                      html_text(sample.source));
  for (std::size_t i = 0; i < std::min<std::size_t>(sample.turns.size(), 2); ++i) {
    html += "<p>" + std::string(sample.turns[i].role == Role::kUser ? "<b>Q</b> " : "<b>A</b> ") +
            html_text(beginning(without_tag(sample.turns[i].text), 160)) + "</p>";
  }
  return html + "</div>";
}

std::string extremes(const Collection& collection, const ReportRun& run) {
  std::vector<std::int64_t> ranked;
  for (std::size_t row = 0; row < run.scores.size(); ++row) {
    if (!std::isnan(run.scores[row])) ranked.push_back(static_cast<std::int64_t>(row));
  }
  std::stable_sort(ranked.begin(), ranked.end(), [&](auto a, auto b) {
    return run.scores[static_cast<std::size_t>(a)] > run.scores[static_cast<std::size_t>(b)];
  });
  const std::size_t shown = std::min<std::size_t>(12, ranked.size() / 2);
  std::vector<std::int64_t> rows(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(shown));
  rows.insert(rows.end(), ranked.end() - static_cast<std::ptrdiff_t>(shown), ranked.end());
  std::sort(rows.begin(), rows.end());
  const auto samples = collection.pool->samples(rows);
  const auto cards = [&](std::size_t first) {
    std::string html = "<div class=\"samples\">";
    for (std::size_t i = first; i < first + shown; ++i) {
      const auto at = std::lower_bound(rows.begin(), rows.end(), ranked[i]) - rows.begin();
      html +=
          sample_card(samples[static_cast<std::size_t>(at)], run.scores[static_cast<std::size_t>(ranked[i])], i + 1);
    }
    return html + "</div>";
  };
  const auto by = html_text(run.label()) + ", seed " + std::to_string(run.seed);
  return "<h2 id=\"ranked\">Ranked highest by " + by + "</h2>" + cards(0) + "<h2>Ranked lowest by " + by + "</h2>" +
         cards(ranked.size() - shown);
}

std::string regime_title(const std::string& regime) {
  return regime == "steps" ? "At equal steps (control: every subset trains as long as the full pool)"
                           : "At equal epochs (the paper's regime)";
}

std::string section(const std::string& id, const std::string& title) {
  return "<h2 id=\"" + id + "\">" + html_text(title) + "</h2>";
}

/// Commands, dates, versions.
std::string made_by(const Collection& collection) {
  const auto& runs = collection.runs;
  std::int64_t first = runs.front().row.started_ms, last = 0;
  for (const auto& run : runs) {
    first = std::min(first, run.row.started_ms);
    last = std::max({last, run.row.started_ms, run.row.ended_ms});
  }
  std::string html;
  for (const auto& command : commands_of(collection)) html += "<p>Made by <code>" + html_text(command) + "</code></p>";
  return html + fmt::format(
                    "<p class=\"soft\">{} to {} UTC, from a pool of {} samples; "
                    "<a href=\"#runs\">runs, versions and machines</a>.</p>",
                    utc_text(first), utc_text(last), collection.pool->size());
}

std::string contents(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string html = "<nav aria-label=\"Contents\"><ul>";
  for (const auto& [id, title] : entries) html += "<li><a href=\"#" + id + "\">" + title + "</a></li>";
  return html + "</ul></nav>";
}

std::string sections_html(const std::vector<Section>& sections) {
  std::string html;
  for (const auto& part : sections) {
    if (part.brief) {
      html += section(part.id, part.title) + grid_html(part.grid, part.title);
    } else {
      html += "<details id=\"" + html_text(part.id) + "\"><summary>" + html_text(part.title) + "</summary>" +
              grid_html(part.grid, part.title) + "</details>";
    }
  }
  return html;
}

std::string table_section(const Collection& collection, const Table& table, const Published& published) {
  std::int64_t seeds = 0;
  for (const auto& row : table.rows) seeds = std::max(seeds, row.seeds);
  std::string html =
      section("table-" + table.regime, regime_title(table.regime)) + "<p class=\"soft\">" +
      (seeds == 1 ? "One seed: differences of a few points are noise."
                  : fmt::format("Up to {} seeds per row.", seeds)) +
      " Bold: the best at its budget; underlined: the second. What prints the same is ranked the same; the "
      "full pool is not ranked.</p><p class=\"soft\">Wide tables scroll sideways (by keyboard: tab "
      "to the table, then the arrow keys).</p>" +
      grid_html(table_grid(table), "Scores and relative performance at equal " + table.regime) +
      sections_html(sections_of(collection, table, published));
  const auto skills = skills_grid(collection, table.regime);
  if (skills.rows.empty()) return html;
  return html + section("skills-" + table.regime, "Accuracy by skill") +
         grid_html(skills, "Accuracy by skill, %, at equal " + table.regime);
}

std::size_t labels_of_all(const Collection& collection) {
  std::set<std::string> labels;
  for (const auto& run : collection.runs) labels.insert(run.label());
  return labels.size();
}

/// What could not be chosen and why, and what was warned of: selections of which the same is true share a row.
std::string rows_section(const Collection& collection) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> left;  // what and how often -> selections
  std::vector<std::string> warnings;
  for (const auto& run : collection.runs) {
    for (const auto& [name, rows] : run.row_counts) {
      const auto slash = name.find('/');
      if (slash == std::string::npos) continue;
      auto& labels = left[{name.substr(slash + 1), fmt::format("{:.0f}", rows)}];
      if (std::find(labels.begin(), labels.end(), run.label()) == labels.end()) labels.push_back(run.label());
    }
    for (const auto& text : run.row.warnings) {
      if (std::find(warnings.begin(), warnings.end(), text) == warnings.end()) warnings.push_back(text);
    }
  }
  if (left.empty() && warnings.empty()) return "";
  std::string html = section("rows", "Rows that could not be chosen, and warnings");
  Grid grid{{"reason", "rows", "selections"}, {}, {}};
  for (const auto& [what, labels] : left) {
    const bool all = labels.size() == labels_of_all(collection);
    grid.rows.push_back(plain_row({what.first, what.second, all ? "all" : fmt::format("{}", fmt::join(labels, ", "))}));
  }
  if (!grid.rows.empty())
    html += "<div class=\"text\">" + grid_html(grid, "Rows that could not be chosen, by reason") + "</div>";
  if (warnings.empty()) return html;
  html += "<h3>Warnings</h3><ul>";
  for (const auto& text : warnings) html += "<li>" + html_text(text) + "</li>";
  return html + "</ul>";
}

std::string plots_section(const std::vector<Plot>& plots) {
  std::string html = section("plots", "Plots") + "<div class=\"plots\">";
  for (const auto& plot : plots) {
    // As an image, not inline: gnuplot gives the parts of every plot the same ids.
    html += "<figure><img alt=\"" + html_text(plot.caption) + "\" src=\"data:image/svg+xml;base64," +
            encode_base64(plot.svg) + "\"><figcaption>" + html_text(plot.caption) + "</figcaption></figure>";
  }
  return html + "</div>";
}

std::string runs_section(const Collection& collection) {
  const auto& shown =
      std::find_if(collection.runs.begin(), collection.runs.end(), [](const ReportRun& run) { return !run.is_full(); });
  const auto& run = shown == collection.runs.end() ? collection.runs.front() : *shown;
  std::string html =
      section("runs", "Runs") +
      "<p>The same configuration and seed give the same numbers on the same processor with the same "
      "number of threads and the same libraries. Elsewhere sums are rounded differently, training drifts "
      "apart, and a few answers change: gaps of that kind are within the intervals.</p><div class=\"text\">" +
      grid_html(machines_grid(collection), "Machines") + "</div><br><div class=\"text\">" +
      grid_html(runs_grid(collection), "Finished runs") + "</div>";
  // html_text would join the lines.
  std::string config;
  std::istringstream lines(run.row.config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  for (std::string line; std::getline(lines, line);) config += html_text(line) + "\n";
  html += "<details><summary>Configuration of run " + html_text(run.row.id) + " (" + html_text(run.row.name) +
          ")</summary><pre tabindex=\"0\">" + config + "</pre></details>";
  if (const auto others = sentence_on_other_runs(collection); !others.empty())
    html += "<p>" + html_text(others) + "</p>";
  if (collection.failed.empty()) return html;
  html += "<h3>Not finished</h3><ul>";
  for (const auto& line : collection.failed) html += "<li>" + html_text(line) + "</li>";
  return html + "</ul>";
}

}  // namespace

std::string page_html(const Collection& collection, const std::vector<Table>& tables, const std::vector<Plot>& plots,
                      const Published& published) {
  const auto scored = std::find_if(collection.runs.begin(), collection.runs.end(), [](const ReportRun& run) {
    return run.method == "scalselect" && !run.scores.empty();
  });
  std::vector<std::pair<std::string, std::string>> entries;
  for (const auto& table : tables) {
    entries.emplace_back("table-" + table.regime, "Scores at equal " + table.regime);
    for (const auto& part : sections_of(collection, table, published)) {
      if (part.brief) entries.emplace_back(part.id, html_text(part.title));
    }
    if (!skills_grid(collection, table.regime).rows.empty())
      entries.emplace_back("skills-" + table.regime, "Skills at equal " + table.regime);
  }
  entries.emplace_back("costs", "Cost of selection");
  const auto left_out = rows_section(collection);
  if (!left_out.empty()) entries.emplace_back("rows", "Rows left out, warnings");
  if (!plots.empty()) entries.emplace_back("plots", "Plots");
  if (scored != collection.runs.end()) entries.emplace_back("ranked", "Ranked highest and lowest");
  entries.emplace_back("runs", "Runs");

  std::string html =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>" +
      html_text(collection.experiment) + "</title><style>" + kStyle + "</style></head><body><main>";
  html += "<h1>" + html_text(collection.experiment) + "</h1>" + made_by(collection) + contents(entries);
  html +=
      "<p>Scores are means over training seeds (± sample standard deviation where there is more than one). Rel. is the "
      "mean of the ratios to the full pool over the columns, geometric the geometric mean of the same ratios; the "
      "interval is a paired bootstrap over images and seeds, with Student’s quantile for the few seeds. The last rows "
      "are what fair guessing and the best constant answer would score.</p>";
  for (const auto& table : tables) html += table_section(collection, table, published);
  html += section("costs", "Cost of selection") +
          grid_html(costs_grid(collection, tables.front().regime),
                    "Beyond the features that a method reads; passes count samples");
  html += left_out;
  if (!plots.empty()) html += plots_section(plots);
  if (scored != collection.runs.end()) html += extremes(collection, *scored);
  return html + runs_section(collection) + "</main></body></html>\n";
}

}  // namespace scalselect::report
