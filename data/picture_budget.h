// One budget of bytes for the pictures that all threads hold at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace scalselect {

/// What one picture may take while it is decoded, and what all of them may take together.
inline constexpr std::int64_t kPictureBytes = std::int64_t{1} << 30;

/// Counts bytes in use; who would exceed the limit waits until others have given back. Any request is granted once
/// nothing else is in use, so that no size waits for ever.
class ByteBudget {
 public:
  explicit ByteBudget(std::int64_t limit) : limit_(limit) {}

  void take(std::int64_t bytes);
  void give(std::int64_t bytes);

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::int64_t limit_, used_ = 0;
};

/// A share of a budget, given back at the end of its life.
class ByteClaim {
 public:
  explicit ByteClaim(ByteBudget& budget) : budget_(budget) {}
  ~ByteClaim() { budget_.give(bytes_); }
  ByteClaim(const ByteClaim&) = delete;
  ByteClaim& operator=(const ByteClaim&) = delete;

  /// Takes the first bytes; to be called once.
  void take(std::int64_t bytes);
  /// Gives back what is more than `bytes`.
  void shrink(std::int64_t bytes);

 private:
  ByteBudget& budget_;
  std::int64_t bytes_ = 0;
};

}  // namespace scalselect
