#include "core/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

}  // namespace scalselect
