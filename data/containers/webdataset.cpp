#include "data/containers/webdataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "core/system_files.h"
#include "data/json_scan.h"
#include "data/picture_ref.h"

namespace scalselect {
namespace {

constexpr std::string_view kPictures[] = {"jpg", "jpeg", "png", "webp", "gif", "bmp"};
constexpr std::string_view kVideos[] = {"mp4", "avi", "mov", "mkv", "webm"};
constexpr std::string_view kConversations[] = {"conversations", "messages", "texts"};

/// A member of a sample.
struct Part {
  std::string extension;  ///< all after the stem's dot, in lower case
  TarMember member;
};

struct Group {
  std::string stem;
  std::vector<Part> parts;
};

template <std::size_t N>
bool is_one_of(const std::string& word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// "0.jpg" -> "jpg".
std::string kind_of(const std::string& extension) { return extension.substr(extension.rfind('.') + 1); }

/// Splits a name as WebDataset does; false for names without an extension or stem and for system litter (._x).
bool split(const std::string& name, std::string& stem, std::string& extension) {
  const auto slash = name.rfind('/');
  const auto base = slash == std::string::npos ? 0 : slash + 1;
  const auto dot = name.find('.', base);
  if (dot == std::string::npos || is_system_file(std::string_view(name).substr(base))) return false;
  stem = name.substr(0, dot);
  extension = name.substr(dot + 1);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return !extension.empty();
}

/// The first number in a text, or -1.
std::int64_t number_in(const std::string& text) {
  const auto from = text.find_first_of("0123456789");
  if (from == std::string::npos) return -1;
  std::int64_t number = 0;
  for (auto at = from; at < text.size() && text[at] >= '0' && text[at] <= '9' && number < 1'000'000'000; ++at) {
    number = 10 * number + (text[at] - '0');
  }
  return number;
}

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view value_of(const std::vector<JsonMember>& members, std::string_view key) {
  for (const auto& member : members) {
    if (member.key == key) return member.value;
  }
  return {};
}

bool is_absent(std::string_view value) {
  return value.empty() || value == "null" || value == "NaN" || value == "\"\"" || value == "[]";
}

/// The strings of a JSON list of strings, or of a single one.
std::vector<std::string> strings_of(std::string_view value) {
  const auto tree = nlohmann::json::parse(value, nullptr, false);
  if (tree.is_string()) return {tree.get<std::string>()};
  std::vector<std::string> strings;
  if (!tree.is_array()) return {};
  for (const auto& item : tree) {
    if (!item.is_string()) return {};
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

/// Whether a JSON that lists pictures means this member by `listed`.
bool means(const std::string& listed, const Part& picture) {
  const auto& name = picture.member.name;
  const auto base = name.substr(name.rfind('/') + 1);
  return listed == base || listed == name || listed == base.substr(base.find('.') + 1) || listed.ends_with("/" + base);
}

/// The pictures in the order of `listed`, if that names each of them once.
bool order_as(const std::vector<std::string>& listed, std::vector<const Part*>& pictures) {
  if (listed.size() != pictures.size()) return false;
  std::vector<const Part*> ordered;
  for (const auto& name : listed) {
    const auto found = std::find_if(pictures.begin(), pictures.end(), [&](const Part* p) { return means(name, *p); });
    if (found == pictures.end() || std::find(ordered.begin(), ordered.end(), *found) != ordered.end()) return false;
    ordered.push_back(*found);
  }
  pictures = ordered;
  return true;
}

void order(std::vector<const Part*>& pictures, const std::vector<JsonMember>& members) {
  if (pictures.size() < 2) return;
  for (const char* key : {"image", "images", "name"}) {
    if (order_as(strings_of(value_of(members, key)), pictures)) return;
  }
  if (std::any_of(pictures.begin(), pictures.end(), [](const Part* p) { return number_in(p->extension) < 0; })) return;
  std::stable_sort(pictures.begin(), pictures.end(),
                   [](const Part* a, const Part* b) { return number_in(a->extension) < number_in(b->extension); });
}

/// Makes a sample's row.
class RowMaker {
 public:
  RowMaker(const TarReader& tar, const std::filesystem::path& file, const Group& group)
      : tar_(tar), file_(file), group_(group) {}

  void make(RawRow& row) const {
    row = {};
    const Part *json = nullptr, *text = nullptr;
    std::vector<const Part*> pictures;
    for (const auto& part : group_.parts) {
      const auto kind = kind_of(part.extension);
      if (part.extension == "json") json = &part;
      if (part.extension == "txt") text = &part;
      if (is_one_of(kind, kPictures)) pictures.push_back(&part);
      if (is_one_of(kind, kVideos)) row.unreadable = "it is about a video, which is not supported";
      if (part.member.link) {
        row.unreadable = fmt::format("its member '{}' is a link, which is not supported", part.member.name);
      }
    }
    row.place = "member " + (json != nullptr ? json->member.name : group_.stem + ".*");
    if (!row.unreadable.empty()) return;
    for (const auto* part : {json, text}) {
      if (part != nullptr && part->member.size > JsonValues::kValueBytes) row.unreadable = "its text is too large";
    }
    if (json == nullptr && (text == nullptr || pictures.empty())) row.unreadable = "its .json member is missing";
    if (!row.unreadable.empty()) return;
    std::string object = json != nullptr ? tar_.read(json->member) : "{}";
    object.erase(0, object.size() - after_byte_order_mark(object).size());
    if (const auto first = object.find_first_not_of(" \t\r\n"); first != std::string::npos && object[first] == '[') {
      object = wrapped(object);  // a list of turns alone
    }
    complete(object, text, pictures, row);
  }

 private:
  static std::string wrapped(const std::string& turns) {
    const auto list = nlohmann::json::parse(turns, nullptr, false);
    const bool llava = list.is_array() && !list.empty() && list[0].is_object() && list[0].contains("from");
    return fmt::format("{{\"{}\": {}}}", llava ? "conversations" : "messages", turns);
  }

  /// Whether `texts` are messages under another name, and there are none under their own.
  static bool has_messages(const std::vector<JsonMember>& members, std::string_view texts) {
    if (is_absent(texts) || !is_absent(value_of(members, "conversations"))) return false;
    const auto list = nlohmann::json::parse(texts, nullptr, false);
    return is_absent(value_of(members, "messages")) && list.is_array() && !list.empty() && list[0].is_object() &&
           list[0].contains("role");
  }

  /// Adds what the JSON does not say: the id, references to the pictures, and of caption data the conversation.
  void complete(const std::string& object, const Part* text, std::vector<const Part*> pictures, RawRow& row) const {
    const auto members = members_of(object);
    const bool told = std::any_of(std::begin(kConversations), std::end(kConversations),
                                  [&](std::string_view key) { return !is_absent(value_of(members, key)); });
    std::string added;
    if (is_absent(value_of(members, "id"))) added = "\"id\": " + json_text(group_.stem);
    std::vector<std::string_view> dropped;
    if (!added.empty()) dropped.push_back("id");
    if (const auto texts = value_of(members, "texts"); has_messages(members, texts)) {
      added += fmt::format("{}\"messages\": {}", added.empty() ? "" : ", ", texts);
      dropped.insert(dropped.end(), {"messages", "texts"});
    }
    if (!pictures.empty()) {
      order(pictures, members);
      std::string list;
      for (const auto* picture : pictures) {
        list += (list.empty() ? "" : ", ") + json_text(tar_picture(picture->member.data, picture->member.size, file_));
      }
      const bool llava = !told || !is_absent(value_of(members, "conversations"));
      added += fmt::format("{}\"{}\": [{}]", added.empty() ? "" : ", ", llava ? "image" : "images", list);
      dropped.insert(dropped.end(), {"image", "images"});
    } else if (!is_absent(value_of(members, "image")) || !is_absent(value_of(members, "images"))) {
      row.unreadable = "it names a picture, and the tar holds none for it";
      return;
    }
    if (!told && text != nullptr && !pictures.empty()) {
      added += ", \"conversations\": [{\"from\": \"human\", \"value\": \"<image>\"}, {\"from\": \"gpt\", \"value\": " +
               json_text(tar_.read(text->member)) + "}]";
    }
    const bool object_given = !members.empty() || object == "{}";
    row.json = added.empty() || !object_given ? object : with_member(object, added, dropped);
  }

  const TarReader& tar_;
  const std::filesystem::path& file_;
  const Group& group_;
};

class WebDataset : public TarContainer {
 public:
  explicit WebDataset(std::filesystem::path file) : file_(std::move(file)) {}

  const std::filesystem::path& file() const override { return file_; }
  std::unique_ptr<RowCursor> rows(std::int64_t first) const override;

  void write_subset(std::span<const std::int64_t> rows, const std::filesystem::path& out) const override {
    TarWriter writer(out);
    copy(rows, writer);
    writer.commit();
  }
  void copy(std::span<const std::int64_t> rows, TarWriter& out) const override;

 private:
  class Cursor;
  static constexpr std::int64_t kStride = 256;  // rows from one remembered place to the next

  std::filesystem::path file_;
  mutable std::mutex mutex_;
  mutable std::vector<std::uint64_t> index_;  ///< where rows 0, kStride, 2 * kStride, ... begin
};

class WebDataset::Cursor : public RowCursor {
 public:
  explicit Cursor(const WebDataset& set) : set_(set), tar_(std::in_place, set.file_) {}

  bool next(RawRow& row) override {
    if (!next_group()) return false;
    try {
      RowMaker(*tar_, set_.file_, group_).make(row);
    } catch (const DamagedTar& error) {
      --row_;  // this one is not whole
      fail(error.what());
    }
    return true;
  }

  std::int64_t skip(std::int64_t rows) override {
    const auto from = row_;
    const auto limit = std::numeric_limits<std::int64_t>::max();
    const auto target = rows > limit - row_ ? limit : row_ + rows;
    {
      const std::lock_guard lock(set_.mutex_);
      const auto at = std::min(target / kStride, static_cast<std::int64_t>(set_.index_.size()) - 1);
      if (at * kStride > row_) {
        tar_.emplace(set_.file_, set_.index_[static_cast<std::size_t>(at)]);
        pending_.reset();
        row_ = at * kStride;
      }
    }
    while (row_ < target && next_group()) {
    }
    return row_ - from;
  }

  const Group& group() const { return group_; }

  /// The next sample's members; false after the last.
  bool next_group() {
    group_ = {};
    try {
      while (pending_ || next_part()) {
        // A member whose extension is there already begins a sample that is called the same.
        const bool same =
            group_.parts.empty() ||
            (stem_ == group_.stem && std::none_of(group_.parts.begin(), group_.parts.end(), [&](const Part& part) {
               return part.extension == pending_->extension;
             }));
        if (!same) break;
        group_.stem = stem_;
        group_.parts.push_back(std::move(*pending_));
        pending_.reset();
      }
    } catch (const DamagedTar& error) {
      fail(error.what());
    }
    if (group_.parts.empty()) {
      if (tar_->lacks_end_mark() && row_ > 0) {
        log_warning("'{}' lacks the end mark of a tar, so that it may have been cut; {} rows could be read",
                    set_.file_.string(), row_);
      } else if (const auto more = tar_->bytes_after_end()) {
        log_warning(
            "'{}' goes on at byte {}, after the end mark of a tar; what follows is not read ({} rows were). Join "
            "archives with `tar --concatenate`.",
            set_.file_.string(), *more, row_);
      }
      return false;
    }
    const std::lock_guard lock(set_.mutex_);
    if (row_ % kStride == 0 && static_cast<std::size_t>(row_ / kStride) == set_.index_.size()) {
      set_.index_.push_back(group_.parts.front().member.begin);
    }
    ++row_;
    return true;
  }

 private:
  /// The next member that belongs to a sample, into `pending_` and `stem_`.
  bool next_part() {
    TarMember member;
    while (tar_->next(member)) {
      std::string extension;
      const bool used = member.regular || member.link;
      if (!used || !split(member.name, stem_, extension)) continue;
      pending_ = Part{std::move(extension), std::move(member)};
      return true;
    }
    return false;
  }

  [[noreturn]] void fail(const std::string& what) const {
    const std::string rows = row_ == 0 ? "no sample before that is whole"
                                       : fmt::format("{} row{} before that could be read", row_, row_ == 1 ? "" : "s");
    throw UserError(ErrorKind::kInput, fmt::format("The pool '{}' {}; {}.", set_.file_.string(), what, rows),
                    "Copy or write the file again.");
  }

  const WebDataset& set_;
  std::optional<TarReader> tar_;
  std::optional<Part> pending_;  ///< read, and not yet part of a group
  std::string stem_;             ///< of the pending one
  Group group_;
  std::int64_t row_ = 0;  ///< the next one
};

std::unique_ptr<RowCursor> WebDataset::rows(std::int64_t first) const {
  auto cursor = std::make_unique<Cursor>(*this);
  cursor->skip(first);
  return cursor;
}

void WebDataset::copy(std::span<const std::int64_t> rows, TarWriter& out) const {
  Cursor cursor(*this);
  std::int64_t next = 0;
  for (const auto row : rows) {
    cursor.skip(row - next);
    if (!cursor.next_group()) {
      throw UserError(ErrorKind::kInput, fmt::format("The pool '{}' changed while it was read.", file_.string()),
                      "Start again.");
    }
    next = row + 1;
    for (const auto& part : cursor.group().parts) out.copy(file_, part.member.begin, part.member.end());
  }
}

}  // namespace

std::unique_ptr<Container> open_webdataset(const std::filesystem::path& file) {
  return std::make_unique<WebDataset>(file);
}

}  // namespace scalselect
