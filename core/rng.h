// Random numbers that are the same on every machine and in every version of the standard library.
//
// Each consumer opens its own stream by name (`Rng(seed, "trainer/shuffle")`), so adding a consumer never changes what
// another one draws. Engine: xoshiro256** (Blackman and Vigna), seeded by splitmix64 over seed and stream name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace scalselect {

class Rng {
 public:
  Rng(std::uint64_t seed, std::string_view stream);

  std::uint64_t bits();                  ///< 64 uniform bits
  std::uint64_t below(std::uint64_t n);  ///< uniform in [0, n), unbiased; n >= 1
  double uniform();                      ///< uniform in [0, 1), 53 bits
  double normal();                       ///< standard normal (polar method); to the last bit of the library's log
  bool chance(double p) { return uniform() < p; }

  /// Uniform integer in [low, high], both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[below(items.size())];
  }
  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  /// The engine's four words, to store in a checkpoint and to restore from one.
  std::array<std::uint64_t, 4> state() const { return state_; }
  void restore(const std::array<std::uint64_t, 4>& state) { state_ = state; }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace scalselect
