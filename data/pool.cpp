#include "data/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>
#include <unordered_map>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "data/containers/json_file.h"
#include "data/containers/open.h"
#include "data/hash_set.h"
#include "data/picture_digest.h"
#include "data/picture_ref.h"
#include "data/pool_paths.h"
#include "data/pool_row.h"

namespace scalselect {
namespace {

constexpr std::size_t kBatchRows = 4096;       // read, then parsed by all threads
constexpr std::size_t kBatchBytes = 16 << 20;  // unless they are large
constexpr std::int64_t kParseBlock = 256;      // rows that a thread parses at a time
constexpr std::size_t kKeptBytes = 64 << 10;   // of a row's buffer, for the next batch
constexpr std::size_t kReasons = 1000;         // that are told apart
constexpr const char* kRemedy = "Give a file of LLaVA 'conversations' or LLaMA-Factory 'messages'.";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("The pool '{}' {}.", file.string(), what), remedy);
}

std::uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>()(text); }

/// One file of a pool.
struct File {
  std::unique_ptr<Container> container;
  std::filesystem::path root;
  std::size_t entry = 0;
  std::int64_t first = 0;        ///< the pool's number of its first row that is taken
  std::int64_t taken = 0;        ///< rows of it in the pool
  std::int64_t entry_first = 0;  ///< the entry's rows before it
  std::int64_t entry_taken = 0;  ///< those that are in the pool
};

/// Takes `taken` of `of` rows, evenly: row number k of them is at((k + 1) * of / taken, rounded up) - 1.
struct Quota {
  std::int64_t taken = 0, of = 0;

  std::int64_t at(std::int64_t k) const {
    if (of == taken) return k;
    const auto scaled = static_cast<std::uint64_t>(k + 1) * static_cast<std::uint64_t>(of);
    const auto parts = static_cast<std::uint64_t>(taken);
    return static_cast<std::int64_t>((scaled + parts - 1) / parts) - 1;
  }
};

}  // namespace

struct Pool::Impl {
  explicit Impl(std::vector<PoolEntry> given) : entries(std::move(given)) {}

  void open();
  Quota quota_of(const PoolEntry& entry, std::span<const std::int64_t> rows) const;
  void read_file(File& file, const Quota& quota, bool whole);
  const File& file_of(std::int64_t row) const;
  std::int64_t row_in_file(const File& file, std::int64_t row) const;
  void fold(std::int64_t row, const PoolRow& read, const std::string& place);
  std::int32_t kind_of(const std::string& reason, bool rejected);
  void check_ids(const Pool& pool);
  void report() const;
  bool is_plain_json() const;
  void hash_files(Sha256& hash, const FileDigests& digests) const;

  std::vector<PoolEntry> entries;
  std::vector<Quota> quotas;  ///< of each entry
  std::vector<File> files;
  std::filesystem::path name;
  std::vector<bool> usable, pictured;
  std::vector<PoolProblem> problems;
  std::vector<std::pair<std::int64_t, std::int32_t>> rejects;  ///< row, problem (-1: one too many to be kept)
  bool ids_tell_rows = false;
  // While the pool is opened:
  std::unordered_map<std::string, std::int32_t> kinds;
  std::vector<std::pair<std::uint64_t, std::int64_t>> ids;  ///< hash, row
};

namespace {

/// Rows that are read one after another and parsed together.
class Batch {
 public:
  using Fold = std::function<void(std::int64_t row, PoolRow& read, const RawRow& raw)>;
  explicit Batch(const Fold& fold) : fold_(fold) {}

  /// Where the next row is to be read into.
  RawRow& slot() {
    if (used_ == items_.size()) items_.emplace_back();
    return items_[used_].raw;
  }
  /// The slot has been filled.
  void add(std::int64_t row, const File& file, const std::string& source) {
    auto& item = items_[used_++];
    item.row = row;
    item.file = &file;
    item.source = &source;
    bytes_ += item.raw.json.size();
    if (used_ == kBatchRows || bytes_ >= kBatchBytes) flush();
  }
  void flush() {
    parallel_blocks(static_cast<std::int64_t>(used_), kParseBlock, [&](std::int64_t begin, std::int64_t end) {
      PoolRowReader reader;
      for (auto i = begin; i < end; ++i) parse(reader, items_[static_cast<std::size_t>(i)]);
    });
    for (std::size_t i = 0; i < used_; ++i) {
      auto& item = items_[i];
      fold_(item.row, item.read, item.raw);
      item.read = {};
      if (item.raw.json.capacity() > kKeptBytes) item.raw.json = {};
    }
    used_ = bytes_ = 0;
  }

 private:
  struct Item {
    RawRow raw;
    PoolRow read;
    std::int64_t row = 0;
    const File* file = nullptr;
    const std::string* source = nullptr;
  };

  static void parse(PoolRowReader& reader, Item& item) {
    auto& raw = item.raw;
    if (!raw.unreadable.empty()) {
      item.read.rejected = raw.unreadable;
    } else {
      raw.json.reserve(raw.json.size() + PoolRowReader::kPadding);
      item.read = reader.read(raw.json, item.file->root);
    }
    item.read.sample.row = item.row;
    if (item.read.sample.source.empty()) item.read.sample.source = *item.source;
  }

  Fold fold_;
  std::vector<Item> items_;
  std::size_t used_ = 0, bytes_ = 0;
};

}  // namespace

/// Reads rows of a pool that has been opened, in ascending order.
class PoolRows {
 public:
  explicit PoolRows(const Pool::Impl& pool) : pool_(pool) {}

  const File& read(std::int64_t row, RawRow& raw) {
    const auto& file = pool_.file_of(row);
    const auto wanted = pool_.row_in_file(file, row);
    if (&file != file_ || wanted < at_) {
      cursor_ = file.container->rows(wanted);
      file_ = &file;
    } else if (at_ < wanted && cursor_->skip(wanted - at_) < wanted - at_) {
      changed();
    }
    if (!cursor_->next(raw)) changed();
    at_ = wanted + 1;
    return file;
  }

 private:
  [[noreturn]] void changed() const {
    refuse(file_->container->file(), "changed while it was read", "Start again when nothing writes to it.");
  }

  const Pool::Impl& pool_;
  const File* file_ = nullptr;
  std::unique_ptr<RowCursor> cursor_;
  std::int64_t at_ = 0;  ///< the cursor's next row
};

Quota Pool::Impl::quota_of(const PoolEntry& entry, std::span<const std::int64_t> rows) const {
  Quota quota;
  for (const auto count : rows) quota.of += count;
  quota.taken =
      entry.rows ? *entry.rows : static_cast<std::int64_t>(*entry.share * static_cast<double>(quota.of) + 0.5);
  if (quota.taken > quota.of || quota.taken < 1) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("{} rows of '{}' are asked for, which has {}.", quota.taken, entry.path, quota.of),
                    "Change its 'rows' or 'share'.");
  }
  return quota;
}

/// Rows of each file, which only a pass tells.
std::vector<std::int64_t> counts_of(std::span<const std::unique_ptr<Container>> containers) {
  std::vector<std::int64_t> counts;
  for (const auto& container : containers) {
    counts.push_back(container->rows(0)->skip(std::numeric_limits<std::int64_t>::max()));
  }
  return counts;
}

void Pool::Impl::open() {
  name = entries.size() == 1 ? entries[0].path : fmt::format("{} and {} more", entries[0].path, entries.size() - 1);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    if (entry.rows && entry.share) {
      throw UserError(ErrorKind::kUsage, fmt::format("'rows' and 'share' are both given for '{}'.", entry.path),
                      "Leave one out.");
    }
    std::vector<std::unique_ptr<Container>> containers;
    for (const auto& path : pool_files(entry.path)) containers.push_back(open_container(path));
    const bool whole = !entry.rows && !entry.share;
    const auto counts = whole ? std::vector<std::int64_t>() : counts_of(containers);
    Quota quota = whole ? Quota{} : quota_of(entry, counts);
    std::int64_t seen = 0, taken = 0;
    for (std::size_t c = 0; c < containers.size(); ++c) {
      File file;
      file.root = entry.image_root ? std::filesystem::path(*entry.image_root) : containers[c]->file().parent_path();
      file.container = std::move(containers[c]);
      file.entry = i;
      file.first = static_cast<std::int64_t>(usable.size());
      file.entry_first = seen;
      file.entry_taken = taken;
      files.push_back(std::move(file));
      read_file(files.back(), quota, whole);
      taken += files.back().taken;
      seen += whole ? files.back().taken : counts[c];
    }
    quotas.push_back(whole ? Quota{taken, taken} : quota);
  }
}

void Pool::Impl::read_file(File& file, const Quota& quota, bool whole) {
  Batch batch([&](std::int64_t row, PoolRow& read, const RawRow& raw) { fold(row, read, raw.place); });
  const auto& source = entries[file.entry].name;
  const auto cursor = file.container->rows(0);
  auto row = file.first;
  if (whole) {
    while (cursor->next(batch.slot())) batch.add(row++, file, source);
  } else {
    std::int64_t at = 0;  // the cursor's next row
    for (auto k = file.entry_taken; k < quota.taken; ++k) {
      const auto wanted = quota.at(k) - file.entry_first;
      if (cursor->skip(wanted - at) < wanted - at || !cursor->next(batch.slot())) break;
      at = wanted + 1;
      batch.add(row++, file, source);
    }
  }
  batch.flush();
  file.taken = row - file.first;
}

const File& Pool::Impl::file_of(std::int64_t row) const {
  SCALSELECT_CHECK(row >= 0 && row < static_cast<std::int64_t>(usable.size()));
  auto after = std::upper_bound(files.begin(), files.end(), row,
                                [](std::int64_t wanted, const File& file) { return wanted < file.first; });
  --after;
  while (after->taken == 0) --after;  // an empty file begins where the next one does
  return *after;
}

std::int64_t Pool::Impl::row_in_file(const File& file, std::int64_t row) const {
  return quotas[file.entry].at(row - file.first + file.entry_taken) - file.entry_first;
}

std::int32_t Pool::Impl::kind_of(const std::string& reason, bool rejected) {
  const auto key = (rejected ? "-" : "+") + reason;
  if (const auto found = kinds.find(key); found != kinds.end()) return found->second;
  if (kinds.size() >= kReasons) return -1;
  const auto kind = static_cast<std::int32_t>(problems.size());
  kinds.emplace(key, kind);
  problems.push_back({reason, rejected, 0, 0, {}});
  return kind;
}

void Pool::Impl::fold(std::int64_t row, const PoolRow& read, const std::string& place) {
  const auto note = [&](const std::string& reason, bool rejected) {
    const auto kind = kind_of(reason, rejected);
    if (rejected) rejects.emplace_back(row, kind);
    if (kind < 0) return;
    auto& problem = problems[static_cast<std::size_t>(kind)];
    if (problem.count++ > 0) return;
    problem.row = row;
    problem.place = place;
  };
  for (const auto& remark : read.remarks) note(remark, false);
  if (!read.rejected.empty()) note(read.rejected, true);
  usable.push_back(read.rejected.empty());
  pictured.push_back(!read.sample.images.empty());
  if (!read.sample.id.empty()) ids.emplace_back(hash_of(read.sample.id), row);
}

void Pool::Impl::check_ids(const Pool& pool) {
  std::sort(ids.begin(), ids.end());
  PoolProblem problem;
  std::pair<std::int64_t, std::int64_t> first{-1, -1};  // the row that repeats, the row that it repeats
  for (std::size_t i = 1, begin = 0; i < ids.size(); ++i) {
    if (ids[i].first != ids[i - 1].first) {
      begin = i;
      continue;
    }
    ++problem.count;
    if (first.first < 0 || ids[i].second < first.first) first = {ids[i].second, ids[begin].second};
  }
  ids_tell_rows = problem.count == 0 && ids.size() == usable.size();
  ids = {};
  if (problem.count == 0) return;
  // Different ids may have the same hash, if hardly ever: the pair that is named is read again.
  const std::int64_t pair[] = {first.second, first.first};
  const auto samples = pool.samples(pair);
  if (samples[0].id != samples[1].id) return;
  problem.reason = fmt::format("id '{}' was seen before in row {}", samples[0].id, first.second);
  problem.row = first.first;
  pool.for_each_raw(std::span(pair).subspan(1), [&](Sample&, const RawRow& raw) { problem.place = raw.place; });
  problems.push_back(problem);
}

void Pool::Impl::report() const {
  std::vector<const PoolProblem*> sorted;
  for (const auto& problem : problems) sorted.push_back(&problem);
  const auto key = [](const PoolProblem* problem) {
    return problem->reason.starts_with("id '") ? std::string("repeated id") : problem->reason;
  };
  std::stable_sort(sorted.begin(), sorted.end(), [&](auto* a, auto* b) { return key(a) < key(b); });
  for (const auto* problem : sorted) {
    log_warning("{}: {} row{} {}: {} ({}row {}{})", name.string(), problem->count, problem->count == 1 ? "" : "s",
                problem->rejected ? "left out" : "used nevertheless", problem->reason,
                problem->count == 1 ? "" : "first: ", problem->row,
                problem->place.empty() ? "" : ", " + problem->place);
  }
  const auto more = std::count_if(rejects.begin(), rejects.end(), [](const auto& reject) { return reject.second < 0; });
  if (more > 0) log_warning("{}: {} rows left out for more reasons than can be listed", name.string(), more);
}

Pool::Pool(const std::filesystem::path& file, const std::optional<std::filesystem::path>& image_root)
    : Pool(std::vector<PoolEntry>{
          {file.string(), image_root ? std::optional(image_root->string()) : std::nullopt, {}, {}, {}}}) {}

Pool::Pool(std::vector<PoolEntry> entries) : impl_(std::make_unique<Impl>(std::move(entries))) {
  SCALSELECT_CHECK(!impl_->entries.empty());
  impl_->open();
  if (size() == 0) refuse(impl_->name, "has no samples", "Give a JSON array or JSON lines of samples.");
  impl_->kinds = {};
  const auto& usable_rows = impl_->usable;
  if (std::find(usable_rows.begin(), usable_rows.end(), true) == usable_rows.end()) {
    refuse(impl_->name, fmt::format("has no usable row; row 0: {}", reject_reason(0)), kRemedy);
  }
  for (const auto& file : impl_->files) {
    if (file.taken == 0 && impl_->quotas[file.entry].taken == impl_->quotas[file.entry].of) {
      log_warning("'{}' has no samples", file.container->file().string());
    }
  }
  impl_->check_ids(*this);
  std::stable_sort(impl_->rejects.begin(), impl_->rejects.end());
  impl_->report();
  // Rejects name problems by their place, so the problems are sorted with them.
  std::vector<std::int32_t> order(impl_->problems.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return impl_->problems[static_cast<std::size_t>(a)].row < impl_->problems[static_cast<std::size_t>(b)].row;
  });
  std::vector<PoolProblem> sorted;
  std::vector<std::int32_t> place(order.size());
  for (const auto i : order) {
    place[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(sorted.size());
    sorted.push_back(impl_->problems[static_cast<std::size_t>(i)]);
  }
  impl_->problems = std::move(sorted);
  for (auto& reject : impl_->rejects) {
    if (reject.second >= 0) reject.second = place[static_cast<std::size_t>(reject.second)];
  }
}

Pool::~Pool() = default;
Pool::Pool(Pool&&) noexcept = default;

std::int64_t Pool::size() const { return static_cast<std::int64_t>(impl_->usable.size()); }
bool Pool::usable(std::int64_t row) const { return impl_->usable[static_cast<std::size_t>(row)]; }
bool Pool::has_picture(std::int64_t row) const { return impl_->pictured[static_cast<std::size_t>(row)]; }
const std::filesystem::path& Pool::image_root(std::int64_t row) const { return impl_->file_of(row).root; }
const std::vector<PoolProblem>& Pool::problems() const { return impl_->problems; }
const std::filesystem::path& Pool::file() const { return impl_->name; }
const std::vector<PoolEntry>& Pool::entries() const { return impl_->entries; }
bool Pool::ids_tell_rows() const { return impl_->ids_tell_rows; }
const Container& Pool::first_container() const { return *impl_->files.front().container; }

std::vector<std::filesystem::path> Pool::files() const {
  std::vector<std::filesystem::path> files;
  for (const auto& file : impl_->files) files.push_back(file.container->file());
  return files;
}

void Pool::for_each(const std::function<void(Sample&)>& visit, std::int64_t first) const {
  PoolCursor(*this).for_each(first, size(), visit);
}

PoolCursor::PoolCursor(const Pool& pool) : pool_(pool), rows_(std::make_unique<PoolRows>(*pool.impl_)) {}
PoolCursor::~PoolCursor() = default;

void PoolCursor::for_each(std::int64_t first, std::int64_t end, const std::function<void(Sample&)>& visit) {
  Batch batch([&](std::int64_t, PoolRow& read, const RawRow&) { visit(read.sample); });
  for (auto row = first; row < end; ++row) {
    const auto& file = rows_->read(row, batch.slot());
    batch.add(row, file, pool_.impl_->entries[file.entry].name);
  }
  batch.flush();
}

void Pool::for_each_of(std::span<const std::int64_t> rows, const std::function<void(Sample&)>& visit) const {
  for_each_raw(rows, [&](Sample& sample, const RawRow&) { visit(sample); });
}

std::vector<Sample> Pool::samples(std::span<const std::int64_t> rows) const {
  std::vector<Sample> samples;
  for_each_of(rows, [&](Sample& sample) { samples.push_back(std::move(sample)); });
  return samples;
}

Sample Pool::sample(std::int64_t row) const { return std::move(samples({&row, 1}).front()); }

void Pool::for_each_raw(std::span<const std::int64_t> rows,
                        const std::function<void(Sample&, const RawRow&)>& visit) const {
  Batch batch([&](std::int64_t, PoolRow& read, const RawRow& raw) { visit(read.sample, raw); });
  PoolRows reader(*impl_);
  for (const auto row : rows) {
    const auto& file = reader.read(row, batch.slot());
    batch.add(row, file, impl_->entries[file.entry].name);
  }
  batch.flush();
}

std::string Pool::raw(std::int64_t row) const {
  std::string json;
  for_each_raw({&row, 1}, [&](Sample&, const RawRow& raw) { json = raw.json; });
  return json;
}

std::string Pool::reject_reason(std::int64_t row) const {
  if (usable(row)) return {};
  const auto at = std::lower_bound(impl_->rejects.begin(), impl_->rejects.end(), std::pair(row, std::int32_t{-1}));
  SCALSELECT_CHECK(at != impl_->rejects.end() && at->first == row);
  if (at->second >= 0) return impl_->problems[static_cast<std::size_t>(at->second)].reason;
  std::string reason;  // one of more than are kept: the row is read again
  Batch batch([&](std::int64_t, PoolRow& read, const RawRow&) { reason = read.rejected; });
  PoolRows rows(*impl_);
  const auto& file = rows.read(row, batch.slot());
  batch.add(row, file, impl_->entries[file.entry].name);
  batch.flush();
  return reason;
}

bool Pool::Impl::is_plain_json() const {
  const auto* json = dynamic_cast<const JsonFile*>(files.front().container.get());
  const auto& entry = entries.front();
  return files.size() == 1 && json != nullptr && json->compression() == Compression::kNone && entry.name.empty() &&
         !entry.rows && !entry.share;
}

void Pool::Impl::hash_files(Sha256& hash, const FileDigests& digests) const {
  hash.update("pool of files\n");
  for (const auto& file : files) {
    const auto* json = dynamic_cast<const JsonFile*>(file.container.get());
    std::string digest;
    if (json != nullptr && json->is_pipe()) {
      Sha256 own;
      json->hash(own);
      digest = own.finish();
    } else {
      digest = digests.sha256(file.container->file());
    }
    // The quota and the name that stands for sources change what the rows are.
    const auto& quota = quotas[file.entry];
    hash.update(fmt::format("{} {} {} {} {}\n", digest, file.entry, quota.taken, quota.of, entries[file.entry].name));
  }
}

std::string Pool::digest(const FileDigests& digests) const {
  Sha256 hash;
  if (impl_->is_plain_json()) {
    dynamic_cast<const JsonFile&>(first_container()).hash(hash);
    hash.update("\n");
  } else {
    impl_->hash_files(hash, digests);
  }
  std::set<std::string> own;
  for (const auto& file : impl_->files) own.insert(file.container->file().string());
  FilesDigest pictures(digests);
  HashSet seen;
  for_each([&](Sample& sample) {
    for (const auto& image : sample.images) {
      if (is_picture_reference(image) && own.contains(picture_file(image))) continue;
      if (seen.insert(hash_of(image))) pictures.add(image);
    }
  });
  return hash.update(pictures.finish()).finish();
}

std::vector<Pool::FileRows> Pool::by_file(std::span<const std::int64_t> rows) const {
  std::vector<FileRows> parts;
  for (const auto row : rows) {
    const auto& file = impl_->file_of(row);
    if (parts.empty() || parts.back().container != file.container.get())
      parts.push_back({file.container.get(), {}, {}});
    parts.back().pool_rows.push_back(row);
    parts.back().file_rows.push_back(impl_->row_in_file(file, row));
  }
  return parts;
}

}  // namespace scalselect
