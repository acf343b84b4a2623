#include "selector/store_files.h"

#include <fmt/format.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"

namespace scalselect {
namespace {

constexpr int kStoreVersion = 1;

StorePrecision precision_of(const std::string& name) {
  for (const auto precision : {StorePrecision::kFloat32, StorePrecision::kFloat16, StorePrecision::kBfloat16}) {
    if (name == precision_name(precision)) return precision;
  }
  throw std::runtime_error("precision");
}

}  // namespace

std::filesystem::path shard_file(const std::filesystem::path& folder, std::int64_t shard) {
  return folder / fmt::format("shard-{:05}.bin", shard);
}

std::filesystem::path manifest_file(const std::filesystem::path& folder) { return folder / "manifest.json"; }

void write_manifest(const std::filesystem::path& folder, const StoreManifest& manifest, Durability durability) {
  const nlohmann::ordered_json tree{{"version", kStoreVersion},
                                    {"feature", manifest.spec.feature},
                                    {"cols", manifest.spec.cols},
                                    {"precision", precision_name(manifest.spec.precision)},
                                    {"block_rows", manifest.spec.block_rows},
                                    {"shard_rows", manifest.spec.shard_rows},
                                    {"shards", manifest.shards},
                                    {"entries", manifest.entries},
                                    {"vectors", manifest.vectors}};
  write_file_atomically(manifest_file(folder), tree.dump(2) + "\n", durability);
}

std::optional<StoreManifest> read_manifest(const std::filesystem::path& folder) {
  const auto file = manifest_file(folder);
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    const auto tree = nlohmann::ordered_json::parse(read_file(file, kConfigBytes));
    StoreManifest manifest;
    if (tree.at("version") != kStoreVersion) throw std::runtime_error("version");
    manifest.spec.feature = tree.at("feature");
    manifest.spec.cols = tree.at("cols");
    manifest.spec.precision = precision_of(tree.at("precision").get<std::string>());
    manifest.spec.block_rows = tree.at("block_rows");
    manifest.spec.shard_rows = tree.at("shard_rows");
    manifest.shards = tree.at("shards");
    manifest.entries = tree.at("entries");
    manifest.vectors = tree.at("vectors");
    return manifest;
  } catch (const UserError&) {
    throw;
  } catch (const std::exception&) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' is not the manifest of a feature store.", file.string()),
                    "Remove the folder and extract again.");
  }
}

std::int64_t walk_shard(const std::filesystem::path& file, const std::function<bool(const PlacedBlock&)>& visit) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}'.", file.string()), "Check its permissions.");
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(file));
  std::string header(sizeof(StoreBlockHeader), '\0'), payload;
  std::int64_t good = 0;
  while (good + static_cast<std::int64_t>(header.size()) <= size) {
    in.read(header.data(), static_cast<std::streamsize>(header.size()));
    const auto decoded = decode_header(header);
    const auto left = size - good - static_cast<std::int64_t>(header.size());
    if (!decoded || decoded->payload_bytes > static_cast<std::uint64_t>(left)) break;
    payload.resize(decoded->payload_bytes);
    in.read(payload.data(), static_cast<std::streamsize>(payload.size()));
    auto block = decode_payload(*decoded, payload);
    if (!in || !block || !visit({*decoded, std::move(*block), good})) break;
    good += static_cast<std::int64_t>(header.size() + payload.size());
  }
  return good;
}

}  // namespace scalselect
