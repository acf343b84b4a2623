// Work cut into parts, for processes that take the next part that no other has taken. The last parts are short, so that
// none has to wait long for the others, and the work that is estimated dearest is taken first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

namespace scalselect {

/// One item of the work: a row, a question.
struct WorkItem {
  float cost = 1;       ///< estimated, in any unit; > 0
  bool joined = false;  ///< should stay with the item before it, with which it shares what is computed once
};

/// A guess at the tokens that a model reads, before any model is known: 576 (LLaVA-1.5's) for each picture, and one for
/// four bytes of text.
double estimated_tokens(std::size_t pictures, std::size_t text_bytes);

/// Items first … end - 1.
struct WorkPart {
  std::int64_t first = 0, end = 0;
  bool operator==(const WorkPart&) const = default;
};

struct CutOptions {
  int processes = 1;         ///< that will take parts
  std::int64_t least = 1;    ///< items that keep one process busy as a whole, such as one for each of its threads
  std::int64_t most = 1024;  ///< items of a part
};

/// The parts in the order in which they are to be taken. Together they hold each item once; a part's items lie one
/// after another. Parts of about the same cost per item follow each other in the order of the items (there are at most
/// kPasses groups, the dearest first), so that a file is passed through kPasses times at most. A part is no more than a
/// sixth of one process's share of what is left then by cost, and a quarter of it by items, should the estimates be
/// wrong: guided self-scheduling (Polychronopoulos and Kuck, 1987), with the longest work first. Joined items are
/// parted only behind so many that together they cost as much as the item that they are joined to, or `most` of them.
std::vector<WorkPart> cut_work(std::span<const WorkItem> items, const CutOptions& options);
inline constexpr int kPasses = 6;

/// `items` cut into parts of `size`, in their order.
std::vector<WorkPart> even_parts(std::int64_t items, std::int64_t size);

/// The cut that is kept in FOLDER/cut.json, if there is one. Throws UserError(kInput) if it is damaged or not of as
/// many items.
std::vector<WorkPart> kept_cut(const std::filesystem::path& folder, std::int64_t items);
/// The same, or else the cut that `make` gives, which is kept: what the first process says holds for all. Throws also
/// UserError(kEnvironment) if nothing can be written.
std::vector<WorkPart> agreed_cut(const std::filesystem::path& folder, std::int64_t items,
                                 const std::function<std::vector<WorkPart>()>& make);

}  // namespace scalselect
