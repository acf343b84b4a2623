#include <fmt/format.h>

#include <limits>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "selector/feature_store.h"
#include "selector/store_block.h"
#include "selector/store_files.h"

namespace scalselect {
namespace {

[[noreturn]] void other_spec(const std::filesystem::path& folder) {
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}' holds features that were made with other options.", folder.string()),
                  "Remove the folder or choose another.");
}

}  // namespace

struct FeatureWriter::Impl {
  std::filesystem::path folder;
  FeatureStoreSpec spec;
  std::uint32_t spec_mark = 0;
  AppendFile file;  // the shard that is being filled
  StoreBlock pending;
  std::vector<FeatureReject> rejects;
  std::int64_t written = 0;  // entries on disk
  std::int64_t vectors = 0;  // of these and of the pending ones
  std::int64_t next_row = 0;
  bool complete = false;

  /// Finds the good blocks of an earlier attempt and cuts off the rest.
  void resume() {
    const std::int64_t blocks_per_shard = spec.shard_rows / spec.block_rows;
    for (std::int64_t shard = 0;; ++shard) {
      const auto path = shard_file(folder, shard);
      if (!std::filesystem::exists(path)) return;
      std::int64_t blocks = 0;
      const auto keep = walk_shard(path, [&](const PlacedBlock& placed) {
        if (placed.header.spec_crc != spec_mark) other_spec(folder);
        const bool whole = placed.header.entries == spec.block_rows &&
                           placed.header.first_entry == static_cast<std::uint64_t>(written);
        if (whole) take_over(placed.block);
        blocks += whole ? 1 : 0;
        return whole;
      });
      if (blocks == blocks_per_shard) {
        std::filesystem::resize_file(path, static_cast<std::uintmax_t>(keep));
      } else {
        file = AppendFile(path, static_cast<std::uintmax_t>(keep));
        remove_shards_from(shard + 1);
        return;
      }
    }
  }

  void take_over(const StoreBlock& block) {
    for (const auto& entry : block.entries) {
      if (entry.has_vector) ++vectors;
      else rejects.push_back({entry.row, entry.id, entry.reason});
      next_row = entry.row + 1;
    }
    written += static_cast<std::int64_t>(block.entries.size());
  }

  void remove_shards_from(std::int64_t shard) {
    while (std::filesystem::remove(shard_file(folder, shard))) ++shard;
  }

  void add(std::int64_t row, std::string_view id, std::string_view reason, bool has_vector) {
    pending.entries.push_back({row, has_vector, std::string(id), std::string(reason)});
    if (has_vector) ++vectors;
    else rejects.push_back({row, std::string(id), std::string(reason)});
    next_row = row + 1;
    if (static_cast<std::int64_t>(pending.entries.size()) == spec.block_rows) write_pending();
  }

  void write_pending() {
    if (pending.entries.empty()) return;
    if (!file.is_open()) file = AppendFile(shard_file(folder, written / spec.shard_rows), 0);
    file.append(encode_block(pending, static_cast<std::uint64_t>(written), spec_mark));
    written += static_cast<std::int64_t>(pending.entries.size());
    pending = {};
    if (written % spec.shard_rows == 0) close_shard();
  }

  void close_shard(Durability durability = Durability::kSynced) {
    if (file.is_open() && durability == Durability::kSynced) file.flush();
    file = AppendFile();
  }

  void write_rejects(Durability durability) const {
    std::string text;
    for (const auto& reject : rejects) {
      text += nlohmann::ordered_json{{"row", reject.row}, {"id", reject.id}, {"reason", reject.reason}}.dump() + "\n";
    }
    write_file_atomically(folder / "rejects.jsonl", text, durability);
  }
};

FeatureWriter::FeatureWriter(const std::filesystem::path& folder, const FeatureStoreSpec& spec) : impl_(new Impl) {
  SCALSELECT_CHECK(spec.cols > 0 && spec.block_rows > 0 && spec.shard_rows % spec.block_rows == 0);
  impl_->folder = folder;
  impl_->spec = spec;
  impl_->spec_mark = spec_crc(spec);
  ensure_folder(folder);
  if (const auto manifest = read_manifest(folder)) {
    if (spec_crc(manifest->spec) != impl_->spec_mark) other_spec(folder);
    impl_->complete = true;
    impl_->next_row = std::numeric_limits<std::int64_t>::max();
  } else {
    impl_->resume();
  }
}

FeatureWriter::FeatureWriter(FeatureWriter&&) noexcept = default;
FeatureWriter::~FeatureWriter() = default;

std::int64_t FeatureWriter::next_row() const { return impl_->next_row; }
bool FeatureWriter::complete() const { return impl_->complete; }

void FeatureWriter::append(std::int64_t row, std::string_view id, std::span<const float> vector) {
  SCALSELECT_CHECK(static_cast<std::int64_t>(vector.size()) == impl_->spec.cols);
  if (row < impl_->next_row) return;
  const auto precision = impl_->spec.precision;
  const auto encoded = encode_vector(vector, precision, impl_->pending.values);
  const auto reason =
      encoded == Encoded::kAll ? std::string()
      : encoded == Encoded::kNotFinite
          ? "its vector is not finite"
          : fmt::format(
                "its vector is too large for {}{}; choose "
                "another model.feature_dtype",
                precision_name(precision), precision == StorePrecision::kFloat16 ? ", which ends at 65504" : "");
  impl_->add(row, id, reason, encoded == Encoded::kAll);
}

void FeatureWriter::reject(std::int64_t row, std::string_view id, std::string_view reason) {
  if (row >= impl_->next_row) impl_->add(row, id, reason, false);
}

void FeatureWriter::finish(Durability durability) {
  if (impl_->complete) return;
  impl_->write_pending();
  impl_->close_shard(durability);
  impl_->write_rejects(durability);
  const std::int64_t shards = (impl_->written + impl_->spec.shard_rows - 1) / impl_->spec.shard_rows;
  impl_->remove_shards_from(shards);
  write_manifest(impl_->folder, {impl_->spec, shards, impl_->written, impl_->vectors}, durability);
  impl_->complete = true;
  impl_->next_row = std::numeric_limits<std::int64_t>::max();
}

}  // namespace scalselect
