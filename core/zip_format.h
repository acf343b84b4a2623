// Just enough of the zip format for .npz and .xlsx files: the directory, local headers, zip64 (PKWARE APPNOTE 6.3.9).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect {

struct ZipMember {
  std::string name;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::int64_t packed_bytes = 0, bytes = 0;
  std::int64_t header_offset = 0;  ///< of the local header
};

/// Members in directory order. Throws UserError(kInput): not a zip, cut short, encrypted, unknown compression.
std::vector<ZipMember> read_zip_directory(const std::filesystem::path& file);

/// Where the (packed) data of a member begin. Throws UserError(kInput) if its local header is damaged or its data reach
/// beyond the file.
std::int64_t zip_data_offset(const std::filesystem::path& file, const ZipMember& member);

/// Unpacks the deflated data of a member into `sink`, piece by piece, up to about `limit` bytes or the end, where size
/// and checksum are compared. Throws UserError(kInput) "<where> is damaged: …".
void inflate_zip_member(std::string_view packed, const ZipMember& member, std::int64_t limit, const std::string& where,
                        const std::function<void(const char* bytes, std::size_t count)>& sink);

/// Local header with a zip64 field. Its length does not depend on sizes and checksum, so it can be written before they
/// are known and again afterwards.
std::string zip_local_header(const ZipMember& member);

/// Directory and end records for members whose fields are all known; `offset`: its place in the file.
std::string zip_directory(const std::vector<ZipMember>& members, std::int64_t offset);

}  // namespace scalselect
