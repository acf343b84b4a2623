#include "selector/feature_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/files.h"
#include "selector/feature_store.h"
#include "selector/store_files.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

fs::path parts_of(const fs::path& store) { return store / "parts"; }
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

StoreParts::StoreParts(fs::path store, std::int64_t rows) : store_(std::move(store)), rows_(rows) {}

std::int64_t StoreParts::count() const { return (rows_ + kRows - 1) / kRows; }

std::int64_t StoreParts::end(std::int64_t part) const { return std::min(rows_, (part + 1) * kRows); }

fs::path StoreParts::folder(std::int64_t part) const { return parts_of(store_) / fmt::format("{:06}", part); }

// Of a join that was killed while it removed the parts, the store is complete.
bool StoreParts::finished(std::int64_t part) const {
  return fs::exists(facts_file(folder(part))) || fs::exists(manifest_file(store_));
}

void StoreParts::finish(std::int64_t part, const nlohmann::json& facts) const {
  write_file_atomically(facts_file(folder(part)), facts.dump() + "\n");
}

nlohmann::json StoreParts::facts(std::int64_t part) const {
  const auto file = facts_file(folder(part));
  return fs::exists(file) ? nlohmann::json::parse(read_file(file)) : nlohmann::json::object();
}

void StoreParts::join() const {
  if (!read_manifest(store_)) {
    FeatureWriter writer(store_, FeatureStore(folder(0)).spec());
    for (std::int64_t part = 0; part < count(); ++part) {
      if (end(part) > writer.next_row()) append(FeatureStore(folder(part)), writer);
    }
    writer.finish();
  }
  fs::remove_all(parts_of(store_));
}

}  // namespace scalselect
