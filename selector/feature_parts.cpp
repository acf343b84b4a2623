#include "selector/feature_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "selector/feature_store.h"
#include "selector/store_files.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kLongRows = 512;

fs::path parts_of(const fs::path& store) { return store / "parts"; }
fs::path facts_file(const fs::path& part) { return part / "finished.json"; }

/// Nothing if it is not there, or was not written to its end.
std::optional<nlohmann::json> read_facts(const fs::path& part) {
  const auto file = facts_file(part);
  if (!fs::exists(file)) return std::nullopt;
  auto facts = nlohmann::json::parse(read_file(file), nullptr, false);
  return facts.is_object() ? std::optional(std::move(facts)) : std::nullopt;
}

/// The store of rows first … end - 1. Throws UserError(kInput) if it is damaged, or of other rows.
std::unique_ptr<const FeatureStore> open_part(const fs::path& folder, std::int64_t first, std::int64_t end) {
  const auto remedy =
      fmt::format("Delete the folder '{}' and run the command again: it is computed again.", folder.string());
  try {
    auto store = std::make_unique<const FeatureStore>(folder);
    const auto& part = *store;
    const auto inside = [&](std::int64_t row) { return row >= first && row < end; };
    const auto& rows = part.pool_rows();
    const bool whole = std::ssize(rows) + std::ssize(part.rejects()) == end - first &&
                       std::all_of(rows.begin(), rows.end(), inside) &&
                       std::all_of(part.rejects().begin(), part.rejects().end(),
                                   [&](const FeatureReject& reject) { return inside(reject.row); });
    if (whole) return store;
    throw UserError(
        ErrorKind::kInput,
        fmt::format("'{}' does not hold the rows {} to {}, which its name says.", folder.string(), first, end - 1),
        remedy);
  } catch (const UserError& error) {
    throw UserError(ErrorKind::kInput, error.problem(), remedy);
  }
}

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
  return kept_cut(parts_of(store), rows);
}

std::vector<WorkPart> StoreParts::cut(const fs::path& store, std::int64_t rows,
                                      const std::function<std::vector<WorkPart>()>& make) {
  return agreed_cut(parts_of(store), rows, make);
}

fs::path StoreParts::folder(std::int64_t part) const {
  return parts_of(store_) / fmt::format("{:08}-{:08}", first(part), end(part));
}

// Of a join that was killed while it removed the parts, the store is complete.
bool StoreParts::finished(std::int64_t part) const {
  return read_facts(folder(part)).has_value() || fs::exists(manifest_file(store_));
}

Durability StoreParts::durability(std::int64_t part) const {
  return end(part) - first(part) < kLongRows ? Durability::kNone : Durability::kSynced;
}

void StoreParts::finish(std::int64_t part, const nlohmann::json& facts) const {
  write_file_atomically(facts_file(folder(part)), facts.dump() + "\n", durability(part));
}

nlohmann::json StoreParts::facts(std::int64_t part) const {
  return read_facts(folder(part)).value_or(nlohmann::json::object());
}

void StoreParts::join() const {
  if (!read_manifest(store_)) {
    std::vector<std::int64_t> order(cut_.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return first(a) < first(b); });
    const auto opened = [&](std::int64_t part) { return open_part(folder(part), first(part), end(part)); };
    FeatureWriter writer(store_, opened(order.front())->spec());
    for (const auto part : order) {
      if (end(part) > writer.next_row()) append(*opened(part), writer);
    }
    writer.finish();
  }
  fs::remove_all(parts_of(store_));
}

}  // namespace scalselect
