#include "data/byte_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {
namespace {

constexpr std::size_t kChunk = 256 << 10;
constexpr int kGzipWindow = 16 + MAX_WBITS;  // zlib's way of asking for gzip

[[noreturn]] void cannot_read(const std::filesystem::path& file, const char* why) {
  throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", file.string(), why),
                  "Check the path and its permissions.");
}

/// Bytes at an offset; 0 at the end.
std::size_t read_at(int handle, char* to, std::size_t size, std::uint64_t offset, const std::filesystem::path& file) {
  while (true) {
    const auto got = ::pread(handle, to, size, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) cannot_read(file, std::strerror(errno));
  }
}

/// A file from an offset. Its descriptor is its own, or that of a pipe's copy.
class StoredBytes : public ByteStream {
 public:
  StoredBytes(const std::filesystem::path& file, int shared, std::uint64_t offset)
      : file_(file), shared_(shared), offset_(offset) {
    if (shared_ >= 0) return;
    own_ = Descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!own_) cannot_read(file, std::strerror(errno));
  }
  std::size_t read(char* to, std::size_t size) override {
    const auto got = read_at(shared_ >= 0 ? shared_ : own_.get(), to, size, offset_, file_);
    offset_ += got;
    return got;
  }

 private:
  std::filesystem::path file_;
  int shared_;
  Descriptor own_;
  std::uint64_t offset_;
};

/// What both decompressors share: a stored stream and a chunk of it.
class Decompressor : public ByteStream {
 public:
  explicit Decompressor(std::unique_ptr<ByteStream> stored) : stored_(std::move(stored)), chunk_(kChunk) {}

 protected:
  /// Reads the next chunk if the last one is used up; false at the end.
  bool refill() {
    if (used_ < filled_) return true;
    used_ = 0;
    filled_ = stored_->read(chunk_.data(), chunk_.size());
    return filled_ > 0;
  }

  std::unique_ptr<ByteStream> stored_;
  std::vector<char> chunk_;
  std::size_t used_ = 0, filled_ = 0;
  std::string damage_;  ///< why it cannot go on
};

class GzipStream : public Decompressor {
 public:
  explicit GzipStream(std::unique_ptr<ByteStream> stored) : Decompressor(std::move(stored)) {
    if (inflateInit2(&state_, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~GzipStream() override { inflateEnd(&state_); }

  std::size_t read(char* to, std::size_t size) override {
    state_.next_out = reinterpret_cast<Bytef*>(to);
    state_.avail_out = static_cast<uInt>(size);
    while (state_.avail_out == size) {
      if (!damage_.empty()) throw DamagedStream(damage_);
      if (!refill()) {
        if (inside_) throw DamagedStream("has gzip data that end in the middle");
        return 0;
      }
      if (!inside_ && !begin_member()) continue;
      step();
    }
    return size - state_.avail_out;
  }

 private:
  /// A file may hold several members, and zeros after the last, as tape drives pad.
  bool begin_member() {
    if (members_ > 0) {
      while (used_ < filled_ && chunk_[used_] == '\0') ++used_;
      if (used_ == filled_) return false;
      inflateReset(&state_);
    }
    ++members_;
    inside_ = true;
    return true;
  }

  void step() {
    state_.next_in = reinterpret_cast<Bytef*>(chunk_.data() + used_);
    state_.avail_in = static_cast<uInt>(filled_ - used_);
    const int code = inflate(&state_, Z_NO_FLUSH);
    used_ = filled_ - state_.avail_in;
    if (code == Z_STREAM_END) inside_ = false;
    else if (code == Z_MEM_ERROR) throw std::bad_alloc();
    else if (code != Z_OK && code != Z_BUF_ERROR) damage_ = "has damaged gzip data";  // what it gave before is good
  }

  z_stream state_{};
  bool inside_ = false;  ///< of a member
  std::int64_t members_ = 0;
};

class ZstdStream : public Decompressor {
 public:
  ZstdStream(std::unique_ptr<ByteStream> stored, std::filesystem::path file)
      : Decompressor(std::move(stored)), file_(std::move(file)), state_(ZSTD_createDStream(), ZSTD_freeDStream) {
    if (!state_) throw std::bad_alloc();
    SCALSELECT_CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(state_.get(), ZSTD_d_windowLogMax, kWindowLog)));
  }

  std::size_t read(char* to, std::size_t size) override {
    ZSTD_outBuffer out{to, size, 0};
    while (out.pos == 0) {
      if (!damage_.empty()) throw DamagedStream(damage_);
      // Bytes may be left inside the decoder after the input is used up, so it is asked once more at the end.
      if (!refill() && !inside_) return 0;
      ZSTD_inBuffer in{chunk_.data() + used_, filled_ - used_, 0};
      const bool ended = in.size == 0;
      const auto hint = ZSTD_decompressStream(state_.get(), &out, &in);
      if (ZSTD_isError(hint)) {
        refuse_window(ZSTD_getErrorCode(hint));
        damage_ = fmt::format("has damaged Zstandard data ({})", ZSTD_getErrorName(hint));
        continue;
      }
      used_ += in.pos;
      inside_ = hint != 0;
      if (ended && inside_ && out.pos == 0) throw DamagedStream("has Zstandard data that end in the middle");
    }
    return out.pos;
  }

 private:
  /// A decoder keeps as much of its output as the compressor asked for. `zstd --long` asks for 128 MiB, --long=30 for
  /// this; more is not worth the memory that each reader of the file would take.
  static constexpr int kWindowLog = 30;

  /// A whole file, but one that would take too much memory: another copy would not help.
  void refuse_window(ZSTD_ErrorCode code) const {
    if (code == ZSTD_error_memory_allocation) throw std::bad_alloc();
    if (code != ZSTD_error_frameParameter_windowTooLarge) return;
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' was compressed with a window of more than {} GiB.", file_.string(),
                                (std::int64_t{1} << kWindowLog) >> 30),
                    "Compress it again without --long, or with --long=30.");
  }

  std::filesystem::path file_;
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> state_;
  bool inside_ = false;  ///< of a frame
};

/// The content of a pipe as a file without a name.
Descriptor copy_of_pipe(const std::filesystem::path& file) {
  const Descriptor pipe(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!pipe) cannot_read(file, std::strerror(errno));
  auto copy = unnamed_file();
  std::vector<char> chunk(kChunk);
  std::uintmax_t total = 0;
  while (true) {
    const auto got = ::read(pipe.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(file, std::strerror(errno));
    if (got == 0) return copy;
    total += static_cast<std::uintmax_t>(got);
    if (total > kDataBytes) cannot_read(file, "it holds more than 64 GiB");
    write_all(copy, {chunk.data(), static_cast<std::size_t>(got)}, "a temporary file");
  }
}

}  // namespace

FileBytes::FileBytes(std::filesystem::path file) : file_(std::move(file)) {
  struct stat info {};
  // Opening a device may wait or act, so the type is checked first.
  if (::stat(file_.c_str(), &info) != 0) cannot_read(file_, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) cannot_read(file_, "it is a folder");
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode)) cannot_read(file_, "it is neither a file nor a pipe");
  if (S_ISFIFO(info.st_mode)) copy_ = copy_of_pipe(file_);
  const auto stored = open_stored();
  head_.resize(kHead);
  std::size_t filled = 0;
  while (filled < kHead) {
    const auto got = stored->read(head_.data() + filled, kHead - filled);
    if (got == 0) break;
    filled += got;
  }
  head_.resize(filled);
  if (head_.starts_with("\x1F\x8B\x08")) compression_ = Compression::kGzip;
  const bool skippable = head_.size() >= 4 && (head_[0] & 0xF0) == 0x50 && head_.substr(1, 3) == "\x2A\x4D\x18";
  // pzstd begins with a frame of its own (RFC 8878, section 3.1.2).
  if (skippable || head_.starts_with("\x28\xB5\x2F\xFD")) compression_ = Compression::kZstd;
}

std::unique_ptr<ByteStream> FileBytes::open_stored(std::uint64_t offset) const {
  return std::make_unique<StoredBytes>(file_, copy_.get(), offset);
}

std::unique_ptr<ByteStream> FileBytes::open(std::uint64_t offset) const {
  auto stored = open_stored(offset);
  if (compression_ == Compression::kNone) return stored;
  SCALSELECT_CHECK(offset == 0);
  if (compression_ == Compression::kGzip) return std::make_unique<GzipStream>(std::move(stored));
  return std::make_unique<ZstdStream>(std::move(stored), file_);
}

struct CompressedWriter::Impl {
  Impl(const std::filesystem::path& file, Compression asked) : out(file), compression(asked), chunk(kChunk) {
    if (compression == Compression::kGzip && deflateInit2(&gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow,
                                                          MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
    if (compression == Compression::kZstd) zstd.reset(ZSTD_createCCtx());
  }
  ~Impl() {
    if (compression == Compression::kGzip) deflateEnd(&gzip);
  }

  /// Compresses `bytes`; `last` ends the stream.
  void compress(std::string_view bytes, bool last) {
    if (compression == Compression::kGzip) deflate_all(bytes, last);
    else zstd_all(bytes, last);
  }

  void deflate_all(std::string_view bytes, bool last) {
    while (true) {
      const auto part = bytes.substr(0, std::size_t{1} << 30);
      bytes.remove_prefix(part.size());
      gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      gzip.avail_in = static_cast<uInt>(part.size());
      const int flush = last && bytes.empty() ? Z_FINISH : Z_NO_FLUSH;
      do {
        gzip.next_out = reinterpret_cast<Bytef*>(chunk.data());
        gzip.avail_out = static_cast<uInt>(chunk.size());
        const int code = deflate(&gzip, flush);
        SCALSELECT_CHECK(code != Z_STREAM_ERROR);
        out.write({chunk.data(), chunk.size() - gzip.avail_out});
      } while (gzip.avail_out == 0);
      if (bytes.empty()) return;
    }
  }

  void zstd_all(std::string_view bytes, bool last) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (true) {
      ZSTD_outBuffer made{chunk.data(), chunk.size(), 0};
      const auto left = ZSTD_compressStream2(zstd.get(), &made, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      SCALSELECT_CHECK(!ZSTD_isError(left));
      out.write({chunk.data(), made.pos});
      if (last ? left == 0 : in.pos == in.size) return;
    }
  }

  FileWriter out;
  Compression compression;
  std::vector<char> chunk;
  z_stream gzip{};
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> zstd{nullptr, ZSTD_freeCCtx};
};

CompressedWriter::CompressedWriter(const std::filesystem::path& file, Compression compression)
    : impl_(std::make_unique<Impl>(file, compression)) {}
CompressedWriter::~CompressedWriter() = default;

void CompressedWriter::write(std::string_view bytes) {
  if (impl_->compression == Compression::kNone) impl_->out.write(bytes);
  else impl_->compress(bytes, false);
}

void CompressedWriter::commit() {
  if (impl_->compression != Compression::kNone) impl_->compress({}, true);
  impl_->out.commit();
}

}  // namespace scalselect
