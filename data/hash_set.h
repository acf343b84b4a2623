// A set of 64-bit hashes: 16 bytes an element at most, where a node of std::unordered_set takes 40.
#pragma once

#include <cstdint>
#include <vector>

namespace scalselect {

class HashSet {
 public:
  /// Whether the hash is new.
  bool insert(std::uint64_t hash) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    auto& slot = find(hash == 0 ? 1 : hash);  // 0 marks an empty place
    if (slot != 0) return false;
    slot = hash == 0 ? 1 : hash;
    ++size_;
    return true;
  }

 private:
  std::uint64_t& find(std::uint64_t hash) {
    auto at = static_cast<std::size_t>(hash) & (slots_.size() - 1);
    while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }
  void grow() {
    std::vector<std::uint64_t> old(slots_.empty() ? 1024 : 2 * slots_.size());
    old.swap(slots_);
    for (const auto hash : old) {
      if (hash != 0) find(hash) = hash;
    }
  }

  std::vector<std::uint64_t> slots_;
  std::size_t size_ = 0;
};

}  // namespace scalselect
