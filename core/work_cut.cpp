#include "core/work_cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file_lock.h"
#include "core/files.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr double kPiecesEach = 16;   ///< pieces of a process, by cost, before they are put in order
constexpr double kShareOfCost = 6;   ///< a part is this share of what is left for one process, by cost
constexpr double kShareOfItems = 4;  ///< by items

/// Items one after another that are ordered as a whole.
struct Piece {
  WorkPart part;
  double cost = 0;
  int pass = 0;  ///< 0: the dearest per item; each next one is half as dear

  double density() const { return cost / static_cast<double>(part.end - part.first); }
};

class Cutter {
 public:
  Cutter(std::span<const WorkItem> items, const CutOptions& options)
      : items_(items),
        least_(std::max<std::int64_t>(1, options.least)),
        most_(std::max(least_, options.most)),
        processes_(static_cast<double>(std::max(1, options.processes))) {
    items_left_ = static_cast<double>(items_.size());
    seams_.reserve(items_.size());
    double head = 0, joined = 0;
    for (const auto& item : items_) {
      const bool seam = !item.joined || joined >= head;
      if (!item.joined) head = item.cost;
      joined = item.joined ? (seam ? 0 : joined) + item.cost : 0;
      seams_.push_back(seam);
      left_ += item.cost;
    }
  }

  std::vector<WorkPart> cut() {
    for (const auto& piece : in_order(pieces())) {
      for (auto first = piece.part.first; first < piece.part.end;) first = take(first, piece.part.end);
    }
    return std::move(parts_);
  }

 private:
  double cost(std::int64_t i) const { return items_[static_cast<std::size_t>(i)].cost; }
  bool seam(std::int64_t i) const { return seams_[static_cast<std::size_t>(i)]; }

  std::vector<Piece> pieces() const {
    const auto dear = left_ / (kPiecesEach * processes_);
    std::vector<Piece> pieces;
    for (std::int64_t i = 0; i < std::ssize(items_); ++i) {
      const auto length = pieces.empty() ? 0 : i - pieces.back().part.first;
      const bool enough = length >= least_ && pieces.back().cost >= dear && seam(i);
      const bool full = pieces.empty() || length >= most_ || enough;
      if (full) pieces.push_back({{i, i}});
      pieces.back().part.end = i + 1;
      pieces.back().cost += cost(i);
    }
    return pieces;
  }

  static std::vector<Piece> in_order(std::vector<Piece> pieces) {
    double dearest = 0;
    for (const auto& piece : pieces) dearest = std::max(dearest, piece.density());
    for (auto& piece : pieces) {
      const auto halvings = std::floor(std::log2(dearest / piece.density()));
      piece.pass = static_cast<int>(std::clamp(halvings, 0.0, static_cast<double>(kPasses - 1)));
    }
    std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.pass < b.pass; });
    return pieces;
  }

  /// The next part, from `first` on; returns its end.
  std::int64_t take(std::int64_t first, std::int64_t piece_end) {
    const auto dear = left_ / (kShareOfCost * processes_), many = items_left_ / (kShareOfItems * processes_);
    double taken = 0;
    auto end = first;
    for (; end < piece_end; ++end) {
      const auto length = end - first;
      const bool enough = taken + cost(end) / 2 >= dear || static_cast<double>(length) >= many;
      if (length >= least_ && enough && seam(end)) break;
      taken += cost(end);
    }
    if (piece_end - end < least_) {  // what is left would not keep a process busy
      for (; end < piece_end; ++end) taken += cost(end);
    }
    parts_.push_back({first, end});
    left_ -= taken;
    items_left_ -= static_cast<double>(end - first);
    return end;
  }

  std::span<const WorkItem> items_;
  std::vector<bool> seams_;  ///< where joined items may be parted: behind those that cost as much as what they share
  std::int64_t least_, most_;
  double processes_, left_ = 0, items_left_ = 0;
  std::vector<WorkPart> parts_;
};

fs::path cut_file(const fs::path& folder) { return folder / "cut.json"; }

/// Whether each of `items` is in one part.
bool is_whole(std::vector<WorkPart> parts, std::int64_t items) {
  std::sort(parts.begin(), parts.end(), [](const WorkPart& a, const WorkPart& b) { return a.first < b.first; });
  std::int64_t next = 0;
  for (const auto& part : parts) {
    if (part.first != next || part.end <= part.first) return false;
    next = part.end;
  }
  return next == items;
}

}  // namespace

double estimated_tokens(std::size_t pictures, std::size_t text_bytes) {
  constexpr double kPictureTokens = 576, kBytesAToken = 4;
  return kPictureTokens * static_cast<double>(pictures) + static_cast<double>(text_bytes) / kBytesAToken;
}

std::vector<WorkPart> cut_work(std::span<const WorkItem> items, const CutOptions& options) {
  return Cutter(items, options).cut();
}

std::vector<WorkPart> even_parts(std::int64_t items, std::int64_t size) {
  std::vector<WorkPart> parts;
  for (std::int64_t first = 0; first < items; first += size) parts.push_back({first, std::min(items, first + size)});
  return parts;
}

std::vector<WorkPart> kept_cut(const fs::path& folder, std::int64_t items) {
  const auto file = cut_file(folder);
  if (!fs::exists(file)) return {};
  std::vector<WorkPart> parts;
  const auto tree = nlohmann::json::parse(read_file(file), nullptr, false);
  const auto is_part = [](const nlohmann::json& entry) {
    return entry.is_array() && entry.size() == 2 && entry[0].is_number_integer() && entry[1].is_number_integer();
  };
  const bool pairs = tree.is_array() && std::all_of(tree.begin(), tree.end(), is_part);
  for (const auto& entry : pairs ? tree : nlohmann::json::array())
    parts.push_back({entry[0].get<std::int64_t>(), entry[1].get<std::int64_t>()});
  if (parts.empty() || !is_whole(parts, items)) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' does not say how {} rows or questions are shared out.", file.string(), items),
                    fmt::format("Delete the folder '{}' and run the command again.", folder.string()));
  }
  return parts;
}

std::vector<WorkPart> agreed_cut(const fs::path& folder, std::int64_t items,
                                 const std::function<std::vector<WorkPart>()>& make) {
  if (auto parts = kept_cut(folder, items); !parts.empty() || items == 0) return parts;
  ensure_folder(folder);
  const auto lock = lock_file(folder / "cut.lock", LockKind::kExclusive, IfHeld::kWait);
  if (auto parts = kept_cut(folder, items); !parts.empty()) return parts;
  auto parts = make();
  nlohmann::json tree = nlohmann::json::array();
  for (const auto& part : parts) tree.push_back({part.first, part.end});
  write_file_atomically(cut_file(folder), tree.dump() + "\n");
  return parts;
}

}  // namespace scalselect
