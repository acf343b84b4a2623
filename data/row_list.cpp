#include "data/row_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/npz.h"
#include "core/utf8.h"
#include "data/json_scan.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kForms =
    "Give ids or row numbers (one per line, JSON or .npy), samples with their conversations, a ranking or a manifest.";

/// A row with the id that it has in the pool it was counted in.
struct RowAndId {
  std::int64_t row = 0;
  std::optional<std::string> id;
};

/// What a file says, before a pool is asked.
struct Listed {
  enum class Kind { kWords, kRows, kSamples };
  Kind kind = Kind::kWords;
  std::vector<std::string> words;  ///< ids, or row numbers as text
  std::vector<RowAndId> rows;
  std::size_t said_ids = 0;  ///< of the words, those that were written as {"id": …}
};

/// Entries that cannot be resolved, to be named together.
struct Complaints {
  static constexpr std::size_t kShown = 3;
  std::int64_t count = 0;
  std::vector<std::string> first;

  void add(const std::string& what) {
    ++count;
    if (first.size() < kShown) first.push_back(what);
  }
  std::string examples() const {
    std::string text;
    for (const auto& what : first) text += (text.empty() ? "" : ", ") + what;
    return text + (count > std::ssize(first) ? ", …" : "");
  }
};

[[noreturn]] void refuse(const fs::path& file, const std::string& what, const std::string& remedy = kForms) {
  throw UserError(ErrorKind::kInput, fmt::format("The list '{}' {}.", file.string(), what), remedy);
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::to_string(value.get<std::int64_t>());
}

bool is_word(const json& value) { return value.is_string() || value.is_number_integer(); }

bool is_conversation(const json& value) {
  return value.is_object() && (value.contains("conversations") || value.contains("messages"));
}

bool is_ranked_row(const json& value) {
  return value.is_object() && value.contains("row") && value["row"].is_number_integer();
}

void add_entry(const json& value, std::size_t place, const fs::path& file, Listed& listed) {
  if (is_ranked_row(value)) {
    RowAndId entry{value["row"].get<std::int64_t>(), {}};
    if (value.contains("id") && is_word(value["id"])) entry.id = text_of(value["id"]);
    listed.kind = Listed::Kind::kRows;
    listed.rows.push_back(std::move(entry));
  } else if (is_word(value)) {
    listed.words.push_back(text_of(value));
  } else if (value.is_object() && value.contains("id") && is_word(value["id"])) {
    listed.words.push_back(text_of(value["id"]));
    ++listed.said_ids;
  } else {
    refuse(file, fmt::format("has an entry {} that is neither an id nor a row", place));
  }
  if (!listed.words.empty() && !listed.rows.empty())
    refuse(file, fmt::format("mixes ranked rows with ids in entry {}", place));
}

Listed read_manifest(const json& manifest, const fs::path& file) {
  Listed listed{Listed::Kind::kRows, {}, {}, 0};
  const auto format = manifest.value("format", json());
  if (!format.is_string()) refuse(file, "is one JSON object, but not the manifest of a selection");
  if (format != kManifestFormat)
    refuse(file, fmt::format("has the format '{}', and this program reads '{}'", text_of(format), kManifestFormat),
           "Use the version of scalselect that wrote it, or write it again.");
  const auto rows = manifest.value("rows", json()), ids = manifest.value("ids", json());
  const bool good = rows.is_array() &&
                    std::all_of(rows.begin(), rows.end(), [](const json& row) { return row.is_number_integer(); }) &&
                    (ids.is_null() || (ids.is_array() && ids.size() == rows.size()));
  if (!good) refuse(file, "is damaged: its 'rows' and 'ids' are not two lists of the same length", "Write it again.");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    RowAndId entry{rows[i].get<std::int64_t>(), {}};
    if (ids.is_array() && ids[i].is_string()) entry.id = ids[i].get<std::string>();
    listed.rows.push_back(std::move(entry));
  }
  return listed;
}

Listed read_json(std::string_view text, const fs::path& file) {
  const bool array = text.starts_with('[');
  if (!array) {  // one object over several lines is a manifest, or nothing known
    const auto object = json::parse(text, nullptr, false);
    const bool one_line = text.find_last_not_of(" \t\r\n") < text.find('\n');
    if (object.is_object() && !is_conversation(object) && (object.contains("format") || !one_line))
      return read_manifest(object, file);
  }
  Listed listed;
  JsonValues values(text, array ? JsonLayout::kArray : JsonLayout::kLines);
  std::size_t place = 0;
  for (std::string_view written; values.next(written);) {
    const auto value = json::parse(written, nullptr, false);
    if (place == 0 && (is_conversation(value) || value.is_discarded())) return {Listed::Kind::kSamples, {}, {}, 0};
    add_entry(value, ++place, file, listed);
  }
  if (const auto& error = values.error(); !error.what.empty())
    refuse(file, fmt::format("{} at line {}", error.what, error.place.line), "Copy it again.");
  return listed;
}

Listed read_lines(std::string_view text) {
  Listed listed;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of("\r\n", at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    line = line.substr(first, line.find_last_not_of(" \t") - first + 1);
    listed.words.emplace_back(line);
  }
  return listed;
}

Listed read_listed(const fs::path& file) {
  const std::string bytes = read_file(file, kDataBytes);
  if (bytes.starts_with("\x93NUMPY")) return {Listed::Kind::kWords, read_npy_texts(file), {}, 0};
  refuse_wide_text(bytes, file);
  auto text = after_byte_order_mark(bytes);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (text.empty()) refuse(file, "is empty");
  if (text.starts_with('[') || text.starts_with('{')) return read_json(text, file);
  // What is not text may be another container of samples.
  if (text.find('\0') != std::string_view::npos) return {Listed::Kind::kSamples, {}, {}, 0};
  return read_lines(text);
}

/// The number that `word` spells, also as numpy.savetxt writes it without a format ("1.700000e+01").
std::optional<std::int64_t> number_of(const std::string& word) {
  const char* end = word.data() + word.size();
  std::int64_t number = 0;
  if (const auto [stop, code] = std::from_chars(word.data(), end, number); code == std::errc{} && stop == end)
    return number;
  double real = 0;
  const auto [stop, code] = std::from_chars(word.data(), end, real);
  const bool whole = code == std::errc{} && stop == end && std::abs(real) < 1e15 && real == std::trunc(real);
  return whole ? std::optional(static_cast<std::int64_t>(real)) : std::nullopt;
}

class Resolver {
 public:
  Resolver(const fs::path& file, const Pool* pool, std::int64_t pool_size, const RowListOptions& options)
      : file_(file), pool_(pool), pool_size_(pool_size), options_(options) {}

  RowList resolve(const Listed& listed) {
    switch (listed.kind) {
      case Listed::Kind::kRows: take_rows(listed.rows); break;
      case Listed::Kind::kSamples: take_samples(); break;
      case Listed::Kind::kWords: take_words(listed); break;
    }
    if (twice_.count > 0)
      log_warning("'{}' names {} rows more than once, and each is taken once: {}", file_.string(), twice_.count,
                  twice_.examples());
    if (list_.rows.empty() && !options_.may_be_empty) refuse(file_, fmt::format("names no row of {}", pool_text()));
    return std::move(list_);
  }

 private:
  std::string pool_text() const {
    return pool_ == nullptr ? fmt::format("a table of {} rows", pool_size_)
                            : fmt::format("'{}'", pool_->file().string());
  }

  void take(std::int64_t row) {
    if (taken_.insert(row).second) list_.rows.push_back(row);
    else twice_.add(fmt::format("row {}", row));
  }

  /// Refuses entries that the pool does not have, or counts them in a warning.
  void settle_unknown(const Complaints& unknown, std::size_t entries) {
    if (unknown.count == 0) return;
    const auto what =
        fmt::format("{} of its {} entries are not in {}: {}", unknown.count, entries, pool_text(), unknown.examples());
    if (!options_.skip_unknown) {
      throw UserError(ErrorKind::kInput, fmt::format("The list '{}' does not fit the pool: {}.", file_.string(), what),
                      fmt::format("Give the pool that it was chosen from, or {}.",
                                  options_.of_method ? "leave such entries out with method.unknown=skip"
                                                     : "take them off the list"));
    }
    log_warning("'{}': {}; they are left out", file_.string(), what);
    list_.unknown = unknown.count;
  }

  void refuse_ambiguous(const Complaints& several, std::size_t entries) const {
    if (several.count == 0) return;
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} of the {} entries of '{}' have an id that several rows of {} share, so it does not "
                                "tell which is meant: {}.",
                                several.count, entries, file_.string(), pool_text(), several.examples()),
                    "Give the samples with their conversations, or row numbers.");
  }

  // A ranking or a manifest: rows, checked by the ids beside them.
  void take_rows(const std::vector<RowAndId>& entries) {
    Complaints outside, others;
    std::unordered_map<std::int64_t, const std::string*> expected;
    for (const auto& entry : entries) {
      if (entry.row < 0 || entry.row >= pool_size_) outside.add(fmt::format("row {}", entry.row));
      else if (entry.id) expected[entry.row] = &*entry.id;
    }
    if (pool_ != nullptr && !expected.empty()) {
      pool_->for_each([&](const Sample& sample) {
        const auto found = expected.find(sample.row);
        if (found != expected.end() && *found->second != sample.id)
          others.add(fmt::format("row {} is '{}' there and '{}' here", sample.row, *found->second, sample.id));
      });
    }
    if (outside.count + others.count > 0) {
      const auto& worst = others.count > 0 ? others : outside;
      throw UserError(
          ErrorKind::kInput,
          fmt::format("The rows of '{}' were counted in another pool than {}: {} of {} do not fit ({}).",
                      file_.string(), pool_text(), outside.count + others.count, entries.size(), worst.examples()),
          "Give the pool that they were chosen from.");
    }
    for (const auto& entry : entries) take(entry.row);
  }

  /// What the words are: as the user says, else as the file does; it may leave it open.
  KeyedBy key_of(const Listed& listed) const {
    const bool ids = !listed.words.empty() && listed.said_ids == listed.words.size();
    return options_.keyed_by == KeyedBy::kAuto && ids ? KeyedBy::kId : options_.keyed_by;
  }

  // Ids or row numbers.
  void take_words(const Listed& listed) {
    const auto& words = listed.words;
    const auto key = key_of(listed);
    if (key == KeyedBy::kRow || (key == KeyedBy::kAuto && pool_ == nullptr)) return take_numbers(words);
    if (pool_ == nullptr)
      refuse(file_, "is keyed by ids, and no pool is given", "Give pool.path, or a list of row numbers.");
    const auto rows_of = rows_of_ids(words);
    if (key == KeyedBy::kAuto && are_rows(words, rows_of)) return take_numbers(words);
    take_ids(words, rows_of);
  }

  using RowsOfId = std::unordered_map<std::string, std::vector<std::int64_t>>;

  /// Whether words that nobody says more about are row numbers. Refuses those that could be either.
  bool are_rows(const std::vector<std::string>& words, const RowsOfId& rows_of) const {
    if (!std::all_of(words.begin(), words.end(), is_plain_number)) return false;
    const auto known =
        std::count_if(words.begin(), words.end(), [&](const std::string& word) { return !rows_of.at(word).empty(); });
    const auto inside =
        std::count_if(words.begin(), words.end(), [&](const std::string& word) { return is_row(word); });
    // With a number beyond the pool the list is refused: where no number is an id, as one of rows. It is never thinned
    // out as such, since ids of another pool would choose rows by chance.
    if (inside < std::ssize(words)) return known == 0 && inside > 0 && !options_.skip_unknown;
    // By chance a few numbers are ids, too: those of LLaVA-665K are numbers of pictures.
    if (2 * known >= std::ssize(words) && !same_rows(words, rows_of)) refuse_either(words, known);
    return true;
  }

  [[noreturn]] void refuse_either(const std::vector<std::string>& words, std::ptrdiff_t known) const {
    refuse(file_,
           fmt::format("holds numbers that are rows of {} as well as ids of it ({} of {})", pool_text(), known,
                       words.size()),
           fmt::format("Say which is meant: {}a JSON list with {{\"id\": \"{}\"}} or {{\"row\": {}}} for each.",
                       options_.of_method ? "method.keyed_by=row, method.keyed_by=id, or " : "", words.front(),
                       *number_of(words.front())));
  }

  static bool is_plain_number(const std::string& word) {
    const bool padded = word.size() > 1 && word[0] == '0' && word.find('.') == std::string::npos;
    return number_of(word) && !padded;
  }

  bool is_row(const std::string& word) const { return *number_of(word) >= 0 && *number_of(word) < pool_size_; }

  void take_numbers(const std::vector<std::string>& words) {
    Complaints unknown;
    for (const auto& word : words) {
      const auto row = number_of(word);
      if (row && *row >= 0 && *row < pool_size_) take(*row);
      else unknown.add(row ? fmt::format("row {}", *row) : fmt::format("'{}'", word));
    }
    settle_unknown(unknown, words.size());
  }

  /// Rows of each word, ascending.
  RowsOfId rows_of_ids(const std::vector<std::string>& words) const {
    RowsOfId rows_of;
    for (const auto& word : words) rows_of.try_emplace(word);
    pool_->for_each([&](const Sample& sample) {
      if (const auto found = rows_of.find(sample.id); found != rows_of.end() && !sample.id.empty())
        found->second.push_back(sample.row);
    });
    return rows_of;
  }

  static bool same_rows(const std::vector<std::string>& words, const RowsOfId& rows_of) {
    return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
      const auto& rows = rows_of.at(word);
      return rows.size() == 1 && rows.front() == *number_of(word);
    });
  }

  void take_ids(const std::vector<std::string>& words, const RowsOfId& rows_of) {
    std::unordered_map<std::string_view, std::size_t> listed;
    for (const auto& word : words) ++listed[word];
    Complaints unknown, several;
    std::unordered_map<std::string_view, std::size_t> used;
    for (const auto& word : words) {
      const auto& rows = rows_of.at(word);
      if (rows.empty()) unknown.add(fmt::format("id '{}'", word));
      else if (rows.size() > std::max<std::size_t>(listed[word], 1)) {
        several.add(fmt::format("'{}' (rows {}, {}{})", word, rows[0], rows[1], rows.size() > 2 ? ", …" : ""));
      } else {
        take(rows[std::min(used[word]++, rows.size() - 1)]);
      }
    }
    refuse_ambiguous(several, words.size());
    settle_unknown(unknown, words.size());
  }

  // Samples, by id and content.
  struct Content {
    std::int64_t row = 0;
    std::string id;
    std::uint64_t turns = 0;
    std::vector<std::string> images;
  };

  static Content content_of(const Sample& sample) {
    std::string text;
    for (const auto& turn : sample.turns) {
      text += static_cast<char>('0' + static_cast<int>(turn.role));
      (text += turn.text) += '\0';
    }
    return {sample.row, sample.id, std::hash<std::string>()(text), sample.images};
  }

  /// How many of the last parts of their paths are the same, of the picture that agrees least; -1: other numbers of
  /// pictures.
  static std::int64_t agreement(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    if (a.size() != b.size()) return -1;
    std::int64_t least = a.empty() ? 1 : std::int64_t{1} << 30;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const fs::path left(a[i]), right(b[i]);
      const std::vector<fs::path> x(left.begin(), left.end()), y(right.begin(), right.end());
      const auto same = std::mismatch(x.rbegin(), x.rend(), y.rbegin(), y.rend()).first - x.rbegin();
      least = std::min<std::int64_t>(least, same);
    }
    return least;
  }

  std::vector<Content> read_samples() const {
    const Pool subset(file_);
    std::vector<Content> samples;
    subset.for_each([&](const Sample& sample) {
      if (!sample.turns.empty()) samples.push_back(content_of(sample));
    });
    if (std::ssize(samples) < subset.size())
      log_warning("'{}': {} of {} samples cannot be read and name no row", file_.string(),
                  subset.size() - std::ssize(samples), subset.size());
    return samples;
  }

  struct Known {
    std::vector<Content> rows;  ///< of the pool: those that have an id or a conversation of the list
    std::unordered_map<std::string, std::vector<std::size_t>> by_id;
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_turns;
  };

  Known known_of(const std::vector<Content>& samples) const {
    Known known;
    for (const auto& sample : samples) {
      if (!sample.id.empty()) known.by_id.try_emplace(sample.id);
      known.by_turns.try_emplace(sample.turns);
    }
    pool_->for_each([&](const Sample& sample) {
      auto content = content_of(sample);
      const auto id = known.by_id.find(content.id);
      const auto turns = known.by_turns.find(content.turns);
      if (id == known.by_id.end() && turns == known.by_turns.end()) return;
      if (id != known.by_id.end()) id->second.push_back(known.rows.size());
      if (turns != known.by_turns.end()) turns->second.push_back(known.rows.size());
      known.rows.push_back(std::move(content));
    });
    return known;
  }

  void take_samples() {
    if (pool_ == nullptr) refuse(file_, "holds samples, and no pool is given", "Give pool.path.");
    const auto samples = read_samples();
    const auto known = known_of(samples);
    Complaints unknown, several, changed;
    for (const auto& sample : samples) place(sample, known, unknown, several, changed);
    refuse_ambiguous(several, samples.size());
    settle_unknown(unknown, samples.size());
    if (changed.count > 0)
      log_warning("'{}': {} of {} samples have the id of a row and another conversation, and are taken for it: {}",
                  file_.string(), changed.count, samples.size(), changed.examples());
  }

  void place(const Content& sample, const Known& known, Complaints& unknown, Complaints& several, Complaints& changed) {
    static const std::vector<std::size_t> kNone;
    const auto named = sample.id.empty() ? known.by_id.end() : known.by_id.find(sample.id);
    const auto& of_id = named == known.by_id.end() ? kNone : named->second;
    const auto& alike = known.by_turns.at(sample.turns);
    std::vector<const Content*> same;  // id and conversation
    for (const auto i : of_id) {
      if (known.rows[i].turns == sample.turns) same.push_back(&known.rows[i]);
    }
    const auto label = sample.id.empty() ? fmt::format("entry {}", sample.row + 1) : fmt::format("id '{}'", sample.id);
    if (!same.empty()) return take_best(same, sample);
    for (const auto i : alike) {  // under another id, or none
      if (agreement(known.rows[i].images, sample.images) >= 1) same.push_back(&known.rows[i]);
    }
    if (!same.empty()) return take_best(same, sample);
    if (of_id.empty()) return unknown.add(label);
    if (of_id.size() > 1) {
      return several.add(fmt::format("'{}' (rows {}, {}{})", sample.id, known.rows[of_id[0]].row,
                                     known.rows[of_id[1]].row, of_id.size() > 2 ? ", …" : ""));
    }
    changed.add(label);
    take(known.rows[of_id[0]].row);
  }

  /// Of rows with the same conversation the one whose pictures agree best; of copies the first that is not taken yet.
  void take_best(const std::vector<const Content*>& rows, const Content& sample) {
    const auto rank = [&](const Content* row) {
      return std::tuple(agreement(row->images, sample.images), !taken_.contains(row->row), -row->row);
    };
    take((*std::max_element(rows.begin(), rows.end(), [&](auto a, auto b) { return rank(a) < rank(b); }))->row);
  }

  const fs::path& file_;
  const Pool* pool_;
  std::int64_t pool_size_;
  RowListOptions options_;
  RowList list_;
  std::unordered_set<std::int64_t> taken_;
  Complaints twice_;
};

}  // namespace

bool is_ranking(const fs::path& file) {
  std::string head(std::size_t{1} << 16, '\0');
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file)) read_file(file);  // says why it cannot be read
  in.read(head.data(), std::ssize(head));
  head.resize(static_cast<std::size_t>(in.gcount()));
  const auto text = after_byte_order_mark(head);
  if (!text.starts_with('{')) return false;
  const auto value = json::parse(text.substr(0, text.find('\n')), nullptr, false);
  return is_ranked_row(value) && value.contains("rank");
}

RowList read_row_list(const fs::path& file, const Pool* pool, std::int64_t pool_size, const RowListOptions& options) {
  const auto listed = read_listed(file);
  return Resolver(file, pool, pool_size, options).resolve(listed);
}

}  // namespace scalselect
