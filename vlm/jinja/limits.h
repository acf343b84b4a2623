// What a template may use: a chat template comes with a model folder and may be hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace scalselect::vlm::jinja {

/// What Jinja2 would raise, or what this engine does not support. One sentence without its full stop.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The message of a template's own raise_exception.
class Raised : public Error {
 public:
  using Error::Error;
};

constexpr std::size_t kMostSource = std::size_t{1} << 20;  ///< bytes of a template
constexpr std::int64_t kMostSteps = 4'000'000;             ///< evaluations, and list entries and pieces of text made
constexpr std::size_t kMostText = std::size_t{16} << 20;   ///< bytes of a rendered text and of any text in between
constexpr int kMostDepth = 200;                            ///< of expressions, statements and macro calls in each other
constexpr int kMostNesting = 60;                           ///< of lists and dicts in each other
constexpr std::int64_t kMostRange = 100'000;               ///< numbers of a range(), as Jinja2's sandbox has it

/// Counts what a rendering has used; throws Error beyond the limits above.
class Budget {
 public:
  void spend(std::int64_t steps) {
    steps_ += steps;
    if (steps_ > kMostSteps) throw Error("it takes more than " + std::to_string(kMostSteps) + " steps");
  }
  /// Before a text of that many bytes is made.
  void text(std::size_t bytes) {
    if (bytes > kMostText) throw Error("it makes a text of more than " + std::to_string(kMostText >> 20) + " MiB");
    spend(1 + static_cast<std::int64_t>(bytes / 64));
  }

 private:
  std::int64_t steps_ = 0;
};

/// One level of nesting, for as long as it lives.
class Level {
 public:
  explicit Level(int& depth) : depth_(depth) {
    if (++depth_ > kMostDepth) {
      --depth_;
      throw Error("it is nested more than " + std::to_string(kMostDepth) + " levels deep");
    }
  }
  ~Level() { --depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int& depth_;
};

}  // namespace scalselect::vlm::jinja
