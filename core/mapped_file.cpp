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

MappedFile::MappedFile(std::filesystem::path file) : path_(std::move(file)) {
  const int handle = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (handle < 0 || ::fstat(handle, &info) != 0 || !S_ISREG(info.st_mode)) {
    const std::string why = handle < 0 ? std::strerror(errno) : "not a regular file";
    if (handle >= 0) ::close(handle);
    throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", path_.string(), why));
  }
  size_ = static_cast<std::size_t>(info.st_size);
  data_ = size_ == 0 ? nullptr : ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, handle, 0);
  ::close(handle);
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
  // Advice: where the system does not take it, memory is only given back later.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace scalselect
