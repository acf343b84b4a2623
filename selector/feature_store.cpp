#include "selector/feature_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/error.h"
#include "core/npz.h"
#include "selector/store_block.h"
#include "selector/store_files.h"

namespace scalselect {
namespace {

[[noreturn]] void damaged(const std::filesystem::path& file, const char* what) {
  throw UserError(ErrorKind::kInput, fmt::format("The feature shard '{}' is {}.", file.string(), what),
                  "Remove the folder and extract again.");
}

/// Where one block's vectors are.
struct ValueRun {
  std::int64_t first = 0, count = 0;  ///< vectors
  std::int64_t shard = 0, offset = 0;
};

}  // namespace

struct FeatureStore::Impl {
  std::filesystem::path folder;
  StoreManifest manifest;
  std::vector<int> handles;
  std::vector<ValueRun> runs;
  std::vector<std::int64_t> pool_rows;
  std::vector<std::string> ids;
  std::vector<FeatureReject> rejects;

  ~Impl() {
    for (const int handle : handles) ::close(handle);
  }

  std::int64_t vector_bytes() const { return manifest.spec.cols * value_bytes(manifest.spec.precision); }

  void open_shard(std::int64_t shard) {
    const auto file = shard_file(folder, shard);
    if (!std::filesystem::exists(file)) damaged(file, "missing");
    const auto mark = spec_crc(manifest.spec);
    const auto good = walk_shard(file, [&](const PlacedBlock& placed) {
      if (placed.header.spec_crc != mark) return false;
      index(placed, shard);
      return true;
    });
    if (good != static_cast<std::int64_t>(std::filesystem::file_size(file))) damaged(file, "damaged");
    const int handle = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (handle < 0) damaged(file, "unreadable");
    handles.push_back(handle);
  }

  void index(const PlacedBlock& placed, std::int64_t shard) {
    const auto count = static_cast<std::int64_t>(placed.header.vectors);
    const auto end = placed.offset + static_cast<std::int64_t>(sizeof(StoreBlockHeader) + placed.header.payload_bytes);
    runs.push_back({static_cast<std::int64_t>(pool_rows.size()), count, shard, end - count * vector_bytes()});
    for (const auto& entry : placed.block.entries) {
      if (entry.has_vector) {
        pool_rows.push_back(entry.row);
        ids.push_back(entry.id);
      } else {
        rejects.push_back({entry.row, entry.id, entry.reason});
      }
    }
  }

  void read_bytes(std::int64_t shard, std::int64_t offset, char* out, std::int64_t bytes) const {
    while (bytes > 0) {
      const auto got = ::pread(handles[static_cast<std::size_t>(shard)], out, static_cast<std::size_t>(bytes), offset);
      if (got <= 0) damaged(shard_file(folder, shard), "cut short");
      out += got;
      offset += got;
      bytes -= got;
    }
  }

  void read_run(const ValueRun& run, std::int64_t skip, std::int64_t count, float* out) const {
    const auto offset = run.offset + skip * vector_bytes();
    const auto values = count * manifest.spec.cols;
    if (manifest.spec.precision == StorePrecision::kFloat32) {
      read_bytes(run.shard, offset, reinterpret_cast<char*>(out), values * 4);
      return;
    }
    std::vector<std::uint16_t> half(static_cast<std::size_t>(values));
    read_bytes(run.shard, offset, reinterpret_cast<char*>(half.data()), values * 2);
    if (manifest.spec.precision == StorePrecision::kFloat16) halves_to_floats(half, out);
    else widen_bfloats(half, out);
  }
};

FeatureStore::FeatureStore(const std::filesystem::path& folder) : impl_(new Impl) {
  auto manifest = read_manifest(folder);
  if (!manifest) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' holds no finished features.", folder.string()),
                    "Let the extraction finish; it continues where it stopped.");
  }
  impl_->folder = folder;
  impl_->manifest = std::move(*manifest);
  for (std::int64_t shard = 0; shard < impl_->manifest.shards; ++shard) impl_->open_shard(shard);
  if (rows() != impl_->manifest.vectors) damaged(manifest_file(folder), "of another extraction");
}

FeatureStore::~FeatureStore() = default;

std::int64_t FeatureStore::rows() const { return static_cast<std::int64_t>(impl_->pool_rows.size()); }
std::int64_t FeatureStore::cols() const { return impl_->manifest.spec.cols; }
const std::vector<std::int64_t>& FeatureStore::pool_rows() const { return impl_->pool_rows; }
const std::vector<std::string>& FeatureStore::ids() const { return impl_->ids; }
const std::vector<FeatureReject>& FeatureStore::rejects() const { return impl_->rejects; }
const FeatureStoreSpec& FeatureStore::spec() const { return impl_->manifest.spec; }

void FeatureStore::read(std::int64_t first, std::int64_t count, float* out) const {
  SCALSELECT_CHECK(first >= 0 && first + count <= rows());
  const auto& runs = impl_->runs;
  auto run = std::upper_bound(runs.begin(), runs.end(), first,
                              [](std::int64_t row, const ValueRun& candidate) { return row < candidate.first; });
  if (run != runs.begin()) --run;
  for (; count > 0; ++run) {
    const auto skip = first - run->first;
    const auto here = std::min(count, run->count - skip);
    if (here <= 0) continue;
    impl_->read_run(*run, skip, here, out);
    first += here;
    count -= here;
    out += here * cols();
  }
}

FeatureTable FeatureStore::table(const std::filesystem::path& folder) {
  auto store = std::make_shared<FeatureStore>(folder);
  auto rows = store->pool_rows();
  return {std::move(store), std::move(rows)};
}

}  // namespace scalselect
