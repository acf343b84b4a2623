#include "experiments/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "core/base64.h"
#include "core/files.h"

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
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:var(--card)}
table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums;white-space:nowrap;width:100%}
th,td{padding:.42rem .45rem;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--card)}
thead th{background:var(--band);font-weight:600}thead th:first-child{background:var(--band)}
tbody tr:last-child td{border-bottom:0}tr.chance td{color:var(--soft)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:1rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem}
figure img{width:100%;height:auto;display:block}figcaption{font-size:.85rem;color:var(--soft);padding:.3rem}
@media (prefers-color-scheme:dark){figure img{filter:invert(.87) hue-rotate(180deg)}}
.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:.8rem}
.sample{border:1px solid var(--line);border-radius:8px;background:var(--card);padding:.6rem;font-size:.82rem;overflow-wrap:anywhere}
.sample img{width:96px;height:96px;image-rendering:pixelated;object-fit:contain;border-radius:4px;background:var(--band);display:block;margin-bottom:.4rem}
.sample p{margin:.2em 0}
)css";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

/// A Markdown table of ours as HTML: bold and underline marks are the only inline markup it can hold.
std::string html_table(const std::string& markdown) {
  std::string html = "<div class=\"scroll\"><table>";
  std::size_t line_number = 0, begin = 0;
  while (begin < markdown.size()) {
    const auto end = std::min(markdown.find('\n', begin), markdown.size());
    const std::string line = markdown.substr(begin, end - begin);
    begin = end + 1;
    if (line_number++ == 1) continue;  // the row of dashes
    const bool header = line_number == 1;
    html += header                             ? "<thead><tr>"
            : line_number == 3                 ? "<tbody><tr>"
            : line.rfind("| chance |", 0) == 0 ? "<tr class=\"chance\">"
                                               : "<tr>";
    std::size_t cell = 1;
    while (cell < line.size()) {
      const auto stop = std::min(line.find('|', cell), line.size());
      std::string text = line.substr(cell, stop - cell);
      cell = stop + 1;
      text.erase(0, text.find_first_not_of(' '));
      text.erase(text.find_last_not_of(' ') + 1);
      std::string inner = escaped(text);
      if (inner.rfind("**", 0) == 0) inner = "<b>" + inner.substr(2, inner.size() - 4) + "</b>";
      if (inner.rfind("&lt;u&gt;", 0) == 0) inner = "<u>" + inner.substr(9, inner.size() - 19) + "</u>";
      html += header ? "<th scope=\"col\">" + inner + "</th>" : "<td>" + inner + "</td>";
    }
    html += header ? "</tr></thead>" : "</tr>";
  }
  return html + "</tbody></table></div>";
}

std::string data_url(const std::string& file) {
  const auto bytes = read_file(file);
  const bool jpeg =
      bytes.size() > 2 && static_cast<unsigned char>(bytes[0]) == 0xFF && static_cast<unsigned char>(bytes[1]) == 0xD8;
  return std::string("data:image/") + (jpeg ? "jpeg" : "png") + ";base64," + encode_base64(bytes);
}

/// The text behind the place of an image, which the card shows above it.
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

std::string sample_card(const Pool& pool, std::int64_t row, double score, std::size_t rank) {
  const auto& sample = pool.sample(row);
  std::string html = "<div class=\"sample\">";
  if (!sample.images.empty() && std::filesystem::exists(sample.images[0])) {
    html += "<img alt=\"image of row " + std::to_string(row) + "\" src=\"" + data_url(sample.images[0]) + "\">";
  }
  html += fmt::format("<p><b>#{}</b> row {}, score {:.4g}</p><p class=\"soft\">{}</p>", rank, row, score,
                      escaped(sample.source));
  for (std::size_t i = 0; i < std::min<std::size_t>(sample.turns.size(), 2); ++i) {
    html += "<p>" + std::string(sample.turns[i].role == Role::kUser ? "<b>Q</b> " : "<b>A</b> ") +
            escaped(beginning(without_tag(sample.turns[i].text), 160)) + "</p>";
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
  const auto cards = [&](std::size_t first) {
    std::string html = "<div class=\"samples\">";
    for (std::size_t i = first; i < first + shown; ++i) {
      html += sample_card(*collection.pool, ranked[i], run.scores[static_cast<std::size_t>(ranked[i])], i + 1);
    }
    return html + "</div>";
  };
  return "<h2>Ranked highest by " + escaped(run.method) + "</h2>" + cards(0) + "<h2>Ranked lowest by " +
         escaped(run.method) + "</h2>" + cards(ranked.size() - shown);
}

std::string regime_title(const std::string& regime) {
  return regime == "steps" ? "At equal steps (control: every subset trains as long as the full pool)"
                           : "At equal epochs (the paper's regime)";
}

}  // namespace

std::string page_html(const Collection& collection, const std::vector<Table>& tables, const std::vector<Plot>& plots,
                      const std::string& command) {
  std::string html =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>" +
      escaped(collection.experiment) + "</title><style>" + kStyle + "</style></head><body><main>";
  html += "<h1>" + escaped(collection.experiment) + "</h1><p class=\"soft\">Made by <code>" + escaped(command) +
          "</code> from a pool of " + std::to_string(collection.pool->size()) + " samples.</p>";
  html +=
      "<p>Scores are means over training seeds (± sample standard deviation where there is more than one). Rel. is the "
      "mean of the ratios to the full pool over the columns; "
      "its interval is a paired bootstrap over images and seeds. The last row is what fair guessing would score.</p>";
  for (const auto& table : tables) {
    std::int64_t seeds = 0;
    for (const auto& row : table.rows) seeds = std::max(seeds, row.seeds);
    html += "<h2>" + regime_title(table.regime) + "</h2><p class=\"soft\">" +
            (seeds == 1 ? "One seed: differences of a few points are noise."
                        : fmt::format("Up to {} seeds a row.", seeds)) +
            "</p>" + html_table(table_markdown(table));
    const auto skills = skills_markdown(collection, table.regime);
    if (!skills.empty()) html += "<h2>Accuracy by skill, %</h2>" + html_table(skills);
  }
  html += "<h2>Cost of selection</h2><p class=\"soft\">Beyond the features that it reads; passes count samples.</p>" +
          html_table(costs_markdown(collection, tables.front().regime));
  if (!plots.empty()) html += "<h2>Plots</h2><div class=\"plots\">";
  for (const auto& plot : plots) {
    // As an image, not inline: gnuplot gives the parts of every plot the same ids.
    html += "<figure><img alt=\"" + escaped(plot.caption) + "\" src=\"data:image/svg+xml;base64," +
            encode_base64(plot.svg) + "\"><figcaption>" + escaped(plot.caption) + "</figcaption></figure>";
  }
  if (!plots.empty()) html += "</div>";
  const auto scored = std::find_if(collection.runs.begin(), collection.runs.end(), [](const ReportRun& run) {
    return run.method == "scalselect" && !run.scores.empty();
  });
  if (scored != collection.runs.end()) html += extremes(collection, *scored);
  if (!collection.failed.empty()) {
    html += "<h2>Not finished</h2><ul>";
    for (const auto& line : collection.failed) html += "<li>" + escaped(line) + "</li>";
    html += "</ul>";
  }
  return html + "</main></body></html>\n";
}

}  // namespace scalselect::report
