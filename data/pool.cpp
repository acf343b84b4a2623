#include "data/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "data/picture_digest.h"
#include "data/pool_row.h"

namespace scalselect {
namespace {

constexpr std::int64_t kParseBlock = 2048;  // rows that a thread parses at a time

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("The pool '{}' {}.", file.string(), what), remedy);
}

}  // namespace

Pool::Pool(const std::filesystem::path& file, const std::optional<std::filesystem::path>& image_root)
    : file_(file), image_root_(image_root.value_or(file.parent_path())) {
  bytes_ = read_file(file, kDataBytes);
  read_spans();
  parse_rows();
  check_ids();
  report_problems();
}

void Pool::read_spans() {
  const auto text = after_byte_order_mark(bytes_);
  const std::size_t skipped = bytes_.size() - text.size();
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) refuse(file_, "is empty", "Give a JSON array or JSON lines of samples.");
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    refuse(file_, "is UTF-16 text, but JSON is UTF-8", "Write it as UTF-8: iconv -f UTF-16 -t UTF-8.");
  }
  if (text[first] != '[' && text[first] != '{') {
    const auto c = static_cast<unsigned char>(text[first]);
    refuse(file_,
           fmt::format("begins with {}, which is neither a JSON array nor JSON lines",
                       c > 0x20 && c < 0x7F ? fmt::format("'{:c}'", c) : fmt::format("the byte 0x{:02X}", c)),
           "Give a file of LLaVA 'conversations' or LLaMA-Factory 'messages'.");
  }
  layout_ = text[first] == '[' ? PoolLayout::kArray : PoolLayout::kLines;
  const auto error = layout_ == PoolLayout::kArray ? scan_json_array(text, spans_) : scan_json_lines(text, spans_);
  for (auto& span : spans_) span.begin += skipped;
  if (!error.what.empty()) {
    const std::string last =
        spans_.empty() ? "no row before it is whole"
                       : fmt::format("the last whole row is {}, on line {}", spans_.size() - 1, spans_.back().line);
    refuse(file_, fmt::format("{} at line {}, byte {}; {}", error.what, error.line, skipped + error.byte, last),
           "Copy or write the file again.");
  }
  if (spans_.empty()) refuse(file_, "has no samples", "Give a JSON array or JSON lines of samples.");
}

void Pool::parse_rows() {
  const std::size_t length = bytes_.size();
  bytes_.append(PoolRowReader::kPadding, '\0');
  const auto count = static_cast<std::int64_t>(spans_.size());
  std::vector<PoolRow> rows(spans_.size());
  parallel_blocks(count, kParseBlock, [&](std::int64_t begin, std::int64_t end) {
    PoolRowReader reader(image_root_);
    for (std::int64_t row = begin; row < end; ++row) rows[static_cast<std::size_t>(row)] = reader.read(raw(row));
  });
  bytes_.resize(length);
  samples_.reserve(rows.size());
  for (std::int64_t row = 0; row < count; ++row) {
    auto& read = rows[static_cast<std::size_t>(row)];
    const auto line = spans_[static_cast<std::size_t>(row)].line;
    for (const auto& remark : read.remarks) problems_.push_back({row, line, read.sample.id, remark, false});
    if (!read.rejected.empty()) problems_.push_back({row, line, read.sample.id, read.rejected, true});
    read.sample.row = row;
    samples_.push_back(std::move(read.sample));
  }
  if (std::all_of(samples_.begin(), samples_.end(), [](const Sample& s) { return s.turns.empty(); })) {
    refuse(file_, fmt::format("has no usable row; row 0: {}", reject_reason(0)),
           "Give a file of LLaVA 'conversations' or LLaMA-Factory 'messages'.");
  }
}

void Pool::check_ids() {
  std::unordered_map<std::string_view, std::int64_t> first;
  for (const auto& sample : samples_) {
    if (sample.id.empty()) continue;
    const auto [seen, fresh] = first.emplace(sample.id, sample.row);
    if (fresh) continue;
    problems_.push_back({sample.row, spans_[static_cast<std::size_t>(sample.row)].line, sample.id,
                         fmt::format("id '{}' was seen before in row {}", sample.id, seen->second), false});
  }
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const PoolProblem& a, const PoolProblem& b) { return a.row < b.row; });
}

void Pool::report_problems() const {
  struct Kind {
    std::int64_t count = 0;
    const PoolProblem* first = nullptr;
  };
  std::map<std::string, Kind> kinds;
  for (const auto& problem : problems_) {
    const bool repeated = problem.reason.starts_with("id '");
    auto& kind = kinds[repeated ? "repeated id" : problem.reason];
    if (kind.count++ == 0) kind.first = &problem;
  }
  for (const auto& [kind_name, kind] : kinds) {
    log_warning("{}: {} row{} {}: {} ({}row {}, line {})", file_.string(), kind.count, kind.count == 1 ? "" : "s",
                kind.first->rejected ? "left out" : "used nevertheless", kind.first->reason,
                kind.count == 1 ? "" : "first: ", kind.first->row, kind.first->line);
  }
}

std::string_view Pool::raw(std::int64_t row) const {
  SCALSELECT_CHECK(row >= 0 && row < static_cast<std::int64_t>(spans_.size()));
  const auto& span = spans_[static_cast<std::size_t>(row)];
  return std::string_view(bytes_).substr(span.begin, span.size);
}

std::string Pool::reject_reason(std::int64_t row) const {
  auto at = std::lower_bound(problems_.begin(), problems_.end(), row,
                             [](const PoolProblem& problem, std::int64_t wanted) { return problem.row < wanted; });
  for (; at != problems_.end() && at->row == row; ++at) {
    if (at->rejected) return at->reason;
  }
  return {};
}

std::string Pool::digest(const FileDigests& digests) const {
  std::vector<std::string> images;
  std::unordered_set<std::string_view> seen;
  for (const auto& sample : samples_) {
    for (const auto& image : sample.images) {
      if (seen.insert(image).second) images.push_back(image);
    }
  }
  return Sha256().update(bytes_).update("\n").update(digest_files(images, digests)).finish();
}

}  // namespace scalselect
