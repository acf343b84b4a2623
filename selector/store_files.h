// File names and manifest of a feature store, shared by its writer and its reader.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "selector/feature_store.h"
#include "selector/store_block.h"

namespace scalselect {

std::filesystem::path shard_file(const std::filesystem::path& folder, std::int64_t shard);
std::filesystem::path manifest_file(const std::filesystem::path& folder);

struct StoreManifest {
  FeatureStoreSpec spec;
  std::int64_t shards = 0, entries = 0, vectors = 0;
};

void write_manifest(const std::filesystem::path& folder, const StoreManifest& manifest, Durability durability);
/// nullopt if there is none. Throws UserError(kInput) if the file is not a feature store's manifest.
std::optional<StoreManifest> read_manifest(const std::filesystem::path& folder);

/// A block of a shard.
struct PlacedBlock {
  StoreBlockHeader header;
  StoreBlock block;
  std::int64_t offset = 0;  ///< of the header in the file
};

/// Calls `visit` for each good block from the start of a shard until it returns false, the file ends or a block is bad;
/// returns the offset after the last good block. One block is held in memory at a time.
/// Throws UserError(kInput) if the file cannot be read.
std::int64_t walk_shard(const std::filesystem::path& file, const std::function<bool(const PlacedBlock&)>& visit);

}  // namespace scalselect
