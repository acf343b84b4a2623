// A feature store that several processes fill at once: parts of the pool's rows, each a store of its own, that are put
// together at the end. The result has the bytes that one process writes, whoever wrote which part, and however the rows
// are cut: STORE/parts/cut.json says how they are, and the process that is there first decides.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/files.h"
#include "core/work_cut.h"

namespace scalselect {

class StoreParts {
 public:
  /// `cut`: of the pool's rows, in the order in which parts are taken; empty of a store that is together.
  StoreParts(std::filesystem::path store, std::vector<WorkPart> cut);

  /// How the rows of a store that has been begun are cut; empty if it has not been. Throws what kept_cut throws.
  static std::vector<WorkPart> known_cut(const std::filesystem::path& store, std::int64_t rows);
  /// The same, or else what `make` gives, for all processes from now on. Throws what agreed_cut throws.
  static std::vector<WorkPart> cut(const std::filesystem::path& store, std::int64_t rows,
                                   const std::function<std::vector<WorkPart>()>& make);

  std::int64_t count() const { return std::ssize(cut_); }
  std::int64_t first(std::int64_t part) const { return cut_.at(static_cast<std::size_t>(part)).first; }  ///< pool row
  std::int64_t end(std::int64_t part) const {
    return cut_.at(static_cast<std::size_t>(part)).end;
  }  ///< behind its last
  /// STORE/parts/00001024-00002048, by its rows: those of another cut are never taken for it. Who may write a part is
  /// for the callers to settle.
  std::filesystem::path folder(std::int64_t part) const;

  /// Whether `finish` was called for the part, or the store is together already.
  bool finished(std::int64_t part) const;
  /// How parts are to be written: short ones need not survive a power cut, since to wait for the disk would take longer
  /// than to compute them. One that is lost so is named by `join`.
  Durability durability(std::int64_t part) const;
  /// The part's store is complete; `facts` are kept with it. Throws UserError(kEnvironment) if it cannot write.
  void finish(std::int64_t part, const nlohmann::json& facts) const;
  nlohmann::json facts(std::int64_t part) const;  ///< empty if the part is not there any more

  /// Puts the finished parts together into the store and removes them. After a kill, a restart goes on. Throws
  /// UserError(kInput) for a part that is damaged or holds other rows than its own, with its folder; and what
  /// FeatureWriter throws.
  void join() const;

 private:
  std::filesystem::path store_;
  std::vector<WorkPart> cut_;
};

}  // namespace scalselect
