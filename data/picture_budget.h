// One budget of bytes for the pictures that all threads hold at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace scalselect {

/// What one picture may take while it is decoded, and what all of them may take together.
inline constexpr std::int64_t kPictureBytes = std::int64_t{1} << 30;

/// A semaphore of bytes: a request beyond the limit waits until others have released theirs. Any request is granted
/// once nothing else is in use, so that none waits for ever.
class ByteBudget {
 public:
  explicit ByteBudget(std::int64_t limit) : limit_(limit) {}

  void acquire(std::int64_t bytes);
  void release(std::int64_t bytes);

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::int64_t limit_, used_ = 0;
};

/// A share of a budget, released by the destructor.
class ByteClaim {
 public:
  explicit ByteClaim(ByteBudget& budget) : budget_(budget) {}
  ~ByteClaim() { budget_.release(bytes_); }
  ByteClaim(const ByteClaim&) = delete;
  ByteClaim& operator=(const ByteClaim&) = delete;

  /// Acquires the first bytes; to be called once.
  void acquire(std::int64_t bytes);
  /// Releases all but `bytes`.
  void shrink(std::int64_t bytes);

 private:
  ByteBudget& budget_;
  std::int64_t bytes_ = 0;
};

}  // namespace scalselect
