#include "selector/feature_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "core/files.h"
#include "core/log.h"
#include "selector/feature_store.h"
#include "selector/store_files.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

/// Of a part, before its size depended on the work: such parts lie there without a cut.json.
constexpr std::int64_t kFormerRows = 1024;
constexpr std::int64_t kLongRows = 512;

fs::path parts_of(const fs::path& store) { return store / "parts"; }
fs::path numbered(const fs::path& store, std::int64_t part) { return parts_of(store) / fmt::format("{:06}", part); }
fs::path facts_file(const fs::path& part) { return part / "finished.json"; }

/// Adds the entries of `part` in the order of their rows.
void append(const FeatureStore& part, FeatureWriter& writer) {
  std::vector<float> vector(static_cast<std::size_t>(part.cols()));
  auto reject = part.rejects().begin();
  const auto rejects_before = [&](std::int64_t row) {
    for (; reject != part.rejects().end() && reject->row < row; ++reject)
      writer.reject(reject->row, reject->id, reject->reason);
  };
  for (std::int64_t i = 0; i < part.rows(); ++i) {
    const auto row = part.pool_rows()[static_cast<std::size_t>(i)];
    rejects_before(row);
    part.read(i, 1, vector.data());
    writer.append(row, part.ids()[static_cast<std::size_t>(i)], vector);
  }
  rejects_before(std::numeric_limits<std::int64_t>::max());
}

}  // namespace

StoreParts::StoreParts(fs::path store, std::vector<WorkPart> cut) : store_(std::move(store)), cut_(std::move(cut)) {}

std::vector<WorkPart> StoreParts::known_cut(const fs::path& store, std::int64_t rows) {
  auto known = kept_cut(parts_of(store), rows);
  if (known.empty() && fs::exists(numbered(store, 0))) return even_parts(rows, kFormerRows);
  return known;
}

std::vector<WorkPart> StoreParts::cut(const fs::path& store, std::int64_t rows,
                                      const std::function<std::vector<WorkPart>()>& make) {
  return agreed_cut(parts_of(store), rows, [&] {
    if (!fs::exists(numbered(store, 0))) return make();
    log_info("'{}' was begun in parts of {} rows by an earlier version, and goes on in these", store.string(),
             kFormerRows);
    return even_parts(rows, kFormerRows);
  });
}

fs::path StoreParts::folder(std::int64_t part) const { return numbered(store_, part); }

// Of a join that was killed while it removed the parts, the store is complete.
bool StoreParts::finished(std::int64_t part) const {
  return fs::exists(facts_file(folder(part))) || fs::exists(manifest_file(store_));
}

Durability StoreParts::durability(std::int64_t part) const {
  return end(part) - first(part) < kLongRows ? Durability::kNone : Durability::kSynced;
}

void StoreParts::finish(std::int64_t part, const nlohmann::json& facts) const {
  write_file_atomically(facts_file(folder(part)), facts.dump() + "\n", durability(part));
}

nlohmann::json StoreParts::facts(std::int64_t part) const {
  const auto file = facts_file(folder(part));
  return fs::exists(file) ? nlohmann::json::parse(read_file(file)) : nlohmann::json::object();
}

void StoreParts::join() const {
  if (!read_manifest(store_)) {
    std::vector<std::int64_t> order(cut_.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return first(a) < first(b); });
    FeatureWriter writer(store_, FeatureStore(folder(order.front())).spec());
    for (const auto part : order) {
      if (end(part) > writer.next_row()) append(FeatureStore(folder(part)), writer);
    }
    writer.finish();
  }
  fs::remove_all(parts_of(store_));
}

}  // namespace scalselect
