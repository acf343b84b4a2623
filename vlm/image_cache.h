// A bounded cache of what is computed per image (or per prompt prefix); the least recently used is evicted first.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace scalselect::vlm {

template <class Value>
class BoundedCache {
 public:
  explicit BoundedCache(std::int64_t limit_bytes) : limit_(limit_bytes) {}

  /// Null if absent.
  std::shared_ptr<Value> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = where_.find(key);
    if (found == where_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->value;
  }

  /// A value larger than the whole cache is not kept.
  void insert(const std::string& key, std::shared_ptr<Value> value, std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > limit_ || where_.contains(key)) return;
    order_.push_front({key, std::move(value), bytes});
    where_[key] = order_.begin();
    held_ += bytes;
    while (held_ > limit_) {
      held_ -= order_.back().bytes;
      where_.erase(order_.back().key);
      order_.pop_back();
    }
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    order_.clear();
    where_.clear();
    held_ = 0;
  }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<Value> value;
    std::int64_t bytes = 0;
  };
  std::mutex mutex_;
  std::list<Entry> order_;
  std::unordered_map<std::string, typename std::list<Entry>::iterator> where_;
  std::int64_t limit_, held_ = 0;
};

}  // namespace scalselect::vlm
