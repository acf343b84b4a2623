#include "data/containers/open.h"

#include <fmt/format.h>

#include "core/error.h"
#include "data/byte_stream.h"
#include "data/containers/json_file.h"
#include "data/containers/parquet.h"
#include "data/containers/webdataset.h"

namespace scalselect {
namespace {

/// The first that recognises the beginning of a file (FileBytes::head) opens it.
struct Kind {
  bool (*recognises)(std::string_view head);
  std::unique_ptr<Container> (*open)(const std::filesystem::path& file);
};

constexpr Kind kKinds[] = {
    {is_tar, open_webdataset},
    {[](std::string_view head) { return head.starts_with("PAR1"); }, open_parquet},
};

[[noreturn]] void refuse(const std::filesystem::path& file, const char* what, const char* remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("The pool '{}' {}.", file.string(), what), remedy);
}

/// A tar whose pictures could not be read in place.
void refuse_packed_tar(const FileBytes& bytes) {
  std::string head(FileBytes::kHead, '\0');
  std::size_t filled = 0;
  try {
    const auto stream = bytes.open();
    while (filled < head.size()) {
      const auto got = stream->read(head.data() + filled, head.size() - filled);
      if (got == 0) break;
      filled += got;
    }
  } catch (const DamagedStream&) {
    return;  // JsonFile says what is wrong with it
  }
  if (is_tar(std::string_view(head).substr(0, filled))) {
    refuse(bytes.file(), "is a compressed tar, whose pictures cannot be read in place",
           "Decompress it: gunzip, or zstd -d.");
  }
}

}  // namespace

std::unique_ptr<Container> open_container(const std::filesystem::path& file) {
  FileBytes bytes(file);
  for (const auto& kind : kKinds) {
    if (!kind.recognises(bytes.head())) continue;
    if (bytes.is_pipe()) refuse(file, "is a pipe, through which only JSON can be read", "Give a file.");
    return kind.open(file);
  }
  if (bytes.compression() != Compression::kNone) refuse_packed_tar(bytes);
  return std::make_unique<JsonFile>(std::move(bytes));
}

}  // namespace scalselect
