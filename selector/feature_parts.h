// A feature store that several processes fill at once: parts of the pool's rows, each a store of its own, that are put
// together at the end. The result has the bytes that one process writes, whoever wrote which part.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace scalselect {

/// Folder of part 12 of the store STORE: STORE/parts/000012. Who may write a part is for the callers to settle.
class StoreParts {
 public:
  /// Rows of a part: small enough that none has to wait long for the last ones.
  static constexpr std::int64_t kRows = 1024;

  /// `rows`: of the pool.
  StoreParts(std::filesystem::path store, std::int64_t rows);

  std::int64_t count() const;
  std::int64_t first(std::int64_t part) const { return part * kRows; }  ///< row of the pool
  std::int64_t end(std::int64_t part) const;                            ///< the row behind its last
  std::filesystem::path folder(std::int64_t part) const;

  /// Whether `finish` was called for the part, or the store is together already.
  bool finished(std::int64_t part) const;
  /// The part's store is complete; `facts` are kept with it. Throws UserError(kEnvironment) if it cannot write.
  void finish(std::int64_t part, const nlohmann::json& facts) const;
  nlohmann::json facts(std::int64_t part) const;  ///< empty if the part is not there any more

  /// Puts the finished parts together into the store and removes them. After a kill, a restart goes on. Throws what
  /// FeatureStore and FeatureWriter throw.
  void join() const;

 private:
  std::filesystem::path store_;
  std::int64_t rows_;
};

}  // namespace scalselect
