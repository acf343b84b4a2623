// diff, overlap: selections from one pool beside each other, whoever made them.
#include <fmt/format.h>

#include "core/log.h"
#include "data/row_list.h"
#include "experiments/app/plain_words.h"
#include "experiments/inputs/pool.h"
#include "experiments/runs/manifest.h"
#include "experiments/runs/selection_diff.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;

/// The pool that is named, else that of the first manifest.
std::shared_ptr<const Pool> pool_of(const char* command, const PlainWords& asked) {
  inputs::PoolOptions options;
  options.path = asked.value("pool");
  for (const auto& name : asked.names) {
    if (!options.path.empty() || !options.entries.empty() || options.kind != inputs::PoolOptions::Kind::kFile) break;
    if (!name.ends_with(".manifest.json")) continue;
    const auto settings = pipeline::read_manifest(name).settings().value("pool", nlohmann::ordered_json());
    if (settings.is_object()) options = bind_options<inputs::PoolOptions>(nlohmann::json(settings), "pool");
  }
  if (options.path.empty() && options.entries.empty() && options.kind == inputs::PoolOptions::Kind::kFile)
    refuse_plain(command, "No pool is given, and none of the files is a manifest that names one.");
  if (const auto root = asked.value("image_root"); !root.empty()) options.image_root = root;
  if (options.kind == inputs::PoolOptions::Kind::kFile) return std::make_shared<Pool>(options.parts());
  return inputs::open_pool(options, ArtifactCache(asked.value("cache", "cache"))).pool;
}

bool wants_json(const char* command, const PlainWords& asked) {
  const auto format = asked.value("format", "text");
  if (format != "text" && format != "json")
    refuse_plain(command, fmt::format("'format={}' is not one of text, json.", format));
  return format == "json";
}

/// The rows that each file names, without those that the pool rejects: no selection can hold them.
std::vector<pipeline::NamedRows> sets_of(const PlainWords& asked, const Pool& pool) {
  std::vector<pipeline::NamedRows> sets;
  for (const auto& name : asked.names) {
    auto rows = read_row_list(name, &pool, pool.size()).rows;
    const auto listed = rows.size();
    std::erase_if(rows, [&](std::int64_t row) { return !pool.usable(row); });
    if (rows.size() < listed)
      log_warning("'{}': {} of its {} rows are rejected by the pool and not compared", name, listed - rows.size(),
                  listed);
    sets.push_back({name, std::move(rows)});
  }
  return sets;
}

std::int64_t usable_rows(const Pool& pool) {
  std::int64_t usable = 0;
  for (std::int64_t row = 0; row < pool.size(); ++row) usable += pool.usable(row) ? 1 : 0;
  return usable;
}

void print_json(const nlohmann::ordered_json& tree) {
  fmt::print("{}\n", tree.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

int diff_selections(const Words& words) {
  const auto asked = parse_plain("diff", words, 2);
  if (asked.names.size() != 2) refuse_plain("diff", "`diff` needs two selections.");
  const bool json = wants_json("diff", asked);
  const auto pool = pool_of("diff", asked);
  const auto sets = sets_of(asked, *pool);
  const auto diff = pipeline::diff_json(*pool, sets[0], sets[1]);
  if (json) print_json(diff);
  else fmt::print("{}", pipeline::diff_text(diff));
  return 0;
}

int overlap_selections(const Words& words) {
  const auto asked = parse_plain("overlap", words, words.size());
  if (asked.names.size() < 2) refuse_plain("overlap", "`overlap` needs two or more selections.");
  const bool json = wants_json("overlap", asked);
  const auto pool = pool_of("overlap", asked);
  const auto sets = sets_of(asked, *pool);
  if (json) print_json(pipeline::overlap_json(sets, usable_rows(*pool)));
  else fmt::print("{}", pipeline::overlap_text(sets, usable_rows(*pool)));
  return 0;
}

}  // namespace scalselect::app
