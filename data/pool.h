// A pool of visual-instruction samples: LLaVA `conversations` or LLaMA-Factory `messages`, JSON array or JSON lines.
//
// The file is recognised by its content: '[' first means an array, '{' first means one object a line. Each sample may
// use either spelling:
//   {"id": .., "image": "a.jpg" | ["a.jpg", ..], "conversations": [{"from": "human", "value": ".."}, ..]}
//   {"id": .., "images": ["a.jpg", ..], "messages": [{"role": "user", "content": ".."}, ..]}
// If a row has both spellings, one counts and a warning says so: `conversations` before `messages`, and the
// pictures are those of the same spelling. null, [] and "" mean absent. JSON is read as Python reads it
// (data/python_json.h). The original bytes of every object are kept, so that a selection can repeat them without
// changing a comma.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_digests.h"
#include "core/sample.h"
#include "data/json_scan.h"

namespace scalselect {

enum class PoolLayout { kArray, kLines };

/// Something a user should know about one row. Rows stay where they are: a rejected row keeps its number.
struct PoolProblem {
  std::int64_t row = 0;   ///< 0-based
  std::int64_t line = 0;  ///< 1-based line of the file on which the row begins
  std::string id;
  std::string reason;     ///< "no id", "id 'x' was seen before in row 3", "empty conversation", ...
  bool rejected = false;  ///< true: the row has no turns and no method may choose it
};

class Pool {
 public:
  /// Reads the whole file. Relative image paths start from `image_root`, or from the pool file's folder if that is not
  /// given. Images are not checked here: whether they exist is found out when they are read. A row that is not
  /// JSON is rejected. Throws UserError(kInput): unreadable or empty file, neither array nor lines, JSON that ends in
  /// the middle (with row, line, byte and the last good row), no usable row at all.
  explicit Pool(const std::filesystem::path& file, const std::optional<std::filesystem::path>& image_root = {});

  std::int64_t size() const { return static_cast<std::int64_t>(samples_.size()); }
  /// All rows in file order; samples()[i].row == i. Rejected rows have no turns.
  const std::vector<Sample>& samples() const { return samples_; }
  const Sample& sample(std::int64_t row) const { return samples_[static_cast<std::size_t>(row)]; }
  /// The row's JSON value exactly as written in the file, without separators around it. Valid as long as the pool.
  std::string_view raw(std::int64_t row) const;
  /// By row; a row may have several. The constructor logs a summary.
  const std::vector<PoolProblem>& problems() const { return problems_; }
  /// Reason of rejection, or an empty string.
  std::string reject_reason(std::int64_t row) const;

  PoolLayout layout() const { return layout_; }
  const std::filesystem::path& file() const { return file_; }
  /// SHA-256 over the bytes of the file and of its images, in the order in which rows name them: the identity of the
  /// pool as an input of a cached stage, independent of where pool and images are. Reads every image whose digest
  /// `digests` does not have.
  std::string digest(const FileDigests& digests) const;

 private:
  void read_spans();
  void parse_rows();
  void check_ids();
  void report_problems() const;

  std::filesystem::path file_, image_root_;
  std::string bytes_;  ///< the file
  PoolLayout layout_ = PoolLayout::kArray;
  std::vector<JsonSpan> spans_;
  std::vector<Sample> samples_;
  std::vector<PoolProblem> problems_;
};

}  // namespace scalselect
