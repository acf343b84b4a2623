// Subspace scoring in parts: the sums of a pass are computed by any number of processes that need not know each other,
// each over some rows of the table, and put together from their files.
//
//   part 1..n   sums of the rows of one file           write_part
//   merge       all sums -> the subspace               merge_parts
//   apply 1..n  the subspace, rows -> their scores     apply_subspace (selector/subspace_fit.h)
//
// The sums are kept for each unit of 65,536 row numbers (selector/finite_blocks.h), so the scores are those of one
// process to the last bit, wherever the table was cut at unit boundaries; a merge without some parts is what one
// process would make of the other rows. Some options, and data whose small directions are kept, need a second round of
// parts: SubspaceFit::next() of the merged fit says so.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "selector/subspace_fit.h"

namespace scalselect {

/// What a file of sums says of one unit; its mean and Gram matrix follow it in the file. Little-endian.
struct PartUnit {
  std::int64_t number = 0;     ///< of the unit
  std::int64_t first_row = 0;  ///< number of its first row here
  std::int64_t rows = 0;       ///< that were read
  std::int64_t count = 0;      ///< of these, finite and summed
  std::uint32_t digest = 0;    ///< CRC-32 of the rows as float32
};

/// A file of sums without the sums.
struct PartContents {
  std::filesystem::path file;
  std::int64_t cols = 0;
  std::int64_t table_end = 0;  ///< number of the row after the last of the table that these rows are a part of
  std::string fit;             ///< SHA-256 of the fit file that it continues; empty: the first pass
  std::vector<PartUnit> units;
};

/// A fit between its passes, which are made in different processes.
struct StoredFit {
  SubspaceFit fit;
  std::vector<PartUnit> units = {};  ///< that the first pass summed, in order; any later pass sums the same
  std::string digest = {};           ///< SHA-256 of the file that it was read from; empty: it is new
};

/// Sums the rows of `source` in `units`, which are numbered from `first_number`, for the pass that `before` is at, and
/// writes them; `excluded`, if given, receives the positions of rows with NaN or infinity. Memory as score_rows'.
/// Throws UserError(kEnvironment) if the file cannot be written, and what the source throws.
PartContents write_part(const RowSource& source, std::int64_t first_number, const std::vector<Unit>& units,
                        const StoredFit& before, const std::filesystem::path& file,
                        std::vector<std::int64_t>* excluded = nullptr);

/// Throws UserError(kInput), naming the file: not of this kind, cut short, damaged.
PartContents read_part(const std::filesystem::path& file);

/// What merge_parts noticed besides errors.
struct MergeRemarks {
  std::vector<std::string> cut_units;  ///< units that several files share: their sums are right to rounding only
  std::vector<std::string> gaps;       ///< ranges of row numbers that no file has, as sentences
};

/// Puts the sums of all files together, in the order of their rows, and ends the pass of `stored` with them. Two
/// matrices are in memory at a time. Throws UserError(kInput), naming files: rows that two files have, files of
/// different widths, of another pass or of another fit, and, after the first pass, other rows than that one summed.
MergeRemarks merge_parts(std::span<const PartContents> parts, StoredFit& stored, SubspaceKernels& kernels);

/// The fit as a file, complete or before its next pass. Throws UserError(kEnvironment) and UserError(kInput).
void save_fit(const StoredFit& stored, const std::filesystem::path& file);
StoredFit load_fit(const std::filesystem::path& file);

}  // namespace scalselect
