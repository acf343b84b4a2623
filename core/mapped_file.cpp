#include "core/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace scalselect {

Descriptor open_to_read(const std::filesystem::path& file) {
  Descriptor handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe would wait for its writer
  if (!handle) {
    throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", file.string(), std::strerror(errno)));
  }
  return handle;
}

MappedFile::MappedFile(const std::filesystem::path& file) : MappedFile(open_to_read(file), file) {}

MappedFile::MappedFile(const Descriptor& handle, std::filesystem::path name) : path_(std::move(name)) {
  struct stat info {};
  if (::fstat(handle.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': not a regular file.", path_.string()));
  }
  size_ = static_cast<std::size_t>(info.st_size);
  data_ = size_ == 0 ? nullptr : ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, handle.get(), 0);
  if (data_ == MAP_FAILED) {
    throw UserError(ErrorKind::kEnvironment, fmt::format("Cannot map '{}': {}.", path_.string(), std::strerror(errno)));
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

void MappedFile::release(std::string_view part) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  // Advice only: where the system ignores it, memory is freed later.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace scalselect
