#include "data/picture_ref.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "data/containers/parquet.h"

namespace scalselect {
namespace {

/// A kind of reference: "PREFIX:FIELD:...:PATH".
struct Kind {
  std::string_view prefix;
  int fields;  ///< between prefix and path
  std::string (*read)(const std::string& name, std::int64_t limit);
};

std::string read_tar_picture(const std::string& name, std::int64_t limit);
std::string read_parquet(const std::string& name, std::int64_t limit);

constexpr Kind kKinds[] = {
    {"tar:", 2, read_tar_picture},
    {"parquet:", 3, read_parquet},
};

const Kind* kind_of(std::string_view name) {
  for (const auto& kind : kKinds) {
    if (name.starts_with(kind.prefix)) return &kind;
  }
  return nullptr;
}

[[noreturn]] void refuse(ErrorKind kind, const std::string& name, const std::string& what, const char* remedy) {
  throw UserError(kind, fmt::format("Image '{}' {}.", name, what), remedy);
}

void check_size(const std::string& name, std::int64_t size, std::int64_t limit) {
  if (size <= limit) return;
  refuse(ErrorKind::kInput, name,
         fmt::format("is a file of {} MB, more than the limit of {} MB", size >> 20, limit >> 20), "Make it smaller.");
}

[[noreturn]] void fail_to_read(const std::string& name, int code) {
  if (code == ENOENT || code == ENOTDIR) {
    throw UserError(ErrorKind::kInput, fmt::format("There is no image '{}'.", name), "Check the image root.");
  }
  const bool path = code == ENAMETOOLONG || code == ELOOP || code == EISDIR;
  refuse(path ? ErrorKind::kInput : ErrorKind::kEnvironment, name,
         fmt::format("cannot be read: {}", std::strerror(code)),
         path ? "Check the path." : "Check permissions, the limit on open files, and the disk.");
}

/// A number field and the colon after it.
std::uint64_t take_number(const std::string& name, std::string_view& rest) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (code != std::errc{} || end == rest.data() + rest.size() || *end != ':') {
    refuse(ErrorKind::kInput, name, "is not a reference to bytes of a tar (tar:OFFSET:SIZE:PATH)", "Check the pool.");
  }
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
  return number;
}

std::string read_tar_picture(const std::string& name, std::int64_t limit) {
  std::string_view rest = name;
  rest.remove_prefix(std::strlen("tar:"));
  const auto offset = take_number(name, rest), size = take_number(name, rest);
  if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) check_size(name, limit + 1, limit);
  check_size(name, static_cast<std::int64_t>(size), limit);
  const std::string file(rest);
  const Descriptor handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!handle || ::fstat(handle.get(), &info) != 0) fail_to_read(file, errno);
  const auto end = static_cast<std::uint64_t>(info.st_size);
  if (offset > end || size > end - offset)
    refuse(ErrorKind::kInput, name, "lies beyond the end of its tar", "Fetch or copy it again.");
  std::string bytes(size, '\0');
  for (std::size_t filled = 0; filled < size;) {
    const auto got = ::pread(handle.get(), bytes.data() + filled, size - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_to_read(file, errno);
    if (got == 0) refuse(ErrorKind::kInput, name, "was cut while it was read", "Fetch or copy it again.");
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string read_parquet(const std::string& name, std::int64_t limit) {
  auto bytes = read_parquet_picture(name);
  check_size(name, std::ssize(bytes), limit);
  return bytes;
}

/// A wrong path is an error of the input, anything else one of the environment.
std::string read_picture_file(const std::string& file, std::int64_t limit) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) fail_to_read(file, errno);
  if (!S_ISREG(info.st_mode)) refuse(ErrorKind::kInput, file, "is not a regular file", "Check the path.");
  check_size(file, info.st_size, limit);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rbe"), std::fclose);
  if (!in) fail_to_read(file, errno);
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  errno = 0;
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), in.get()));
  if (std::ferror(in.get())) fail_to_read(file, errno);
  return bytes;
}

}  // namespace

bool is_picture_reference(std::string_view name) { return kind_of(name) != nullptr; }

std::string picture_file(std::string_view name) {
  const auto* kind = kind_of(name);
  if (kind == nullptr) return std::string(name);
  auto rest = name.substr(kind->prefix.size());
  for (int i = 0; i < kind->fields; ++i) {
    const auto colon = rest.find(':');
    if (colon == std::string_view::npos) return std::string(name);
    rest.remove_prefix(colon + 1);
  }
  return std::string(rest);
}

bool picture_exists(const std::string& name) {
  const auto path = picture_file(name);
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  // A path that cannot name a file counts as missing; any other failure is not the path's fault.
  const bool unusable = code == std::errc::too_many_symbolic_link_levels || code == std::errc::filename_too_long ||
                        code == std::errc::invalid_argument;
  if (status.type() != std::filesystem::file_type::none || unusable) return std::filesystem::is_regular_file(status);
  throw UserError(ErrorKind::kEnvironment, fmt::format("Cannot look at '{}': {}.", path, code.message()),
                  "Check the permissions of its folders, and the disk.");
}

std::string read_picture(const std::string& name, std::int64_t limit) {
  const auto* kind = kind_of(name);
  return kind != nullptr ? kind->read(name, limit) : read_picture_file(name, limit);
}

std::string tar_picture(std::uint64_t offset, std::uint64_t size, const std::filesystem::path& file) {
  return fmt::format("tar:{}:{}:{}", offset, size, file.string());
}

const char* picture_extension(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG")) return "png";
  if (bytes.starts_with("\xFF\xD8\xFF")) return "jpg";
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "webp";
  if (bytes.starts_with("GIF8")) return "gif";
  if (bytes.starts_with("BM")) return "bmp";
  return "bin";
}

}  // namespace scalselect
