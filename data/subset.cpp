#include "data/subset.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/containers/json_file.h"
#include "data/containers/parquet.h"
#include "data/containers/webdataset.h"
#include "data/picture_ref.h"
#include "data/pool_row.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

/// The spelling that a row is written in; kKept: its own.
enum class Spelling { kKept, kLlava, kShareGpt };

/// How text is written.
struct TextKind {
  JsonLayout layout = JsonLayout::kArray;
  Compression compression = Compression::kNone;
};

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// ".json", ".jsonl", ".tar" ..., and what .gz or .zst after it means.
std::pair<std::string, Compression> extension_of(const fs::path& file) {
  const auto last = file.extension().string();
  if (last == ".gz") return {file.stem().extension().string(), Compression::kGzip};
  if (last == ".zst") return {file.stem().extension().string(), Compression::kZstd};
  return {last, Compression::kNone};
}

bool is_json_name(const std::string& extension) {
  return extension == ".json" || extension == ".jsonl" || extension == ".ndjson";
}

/// As the file's extension says, else as the pool's first file is, else as `layout` says.
TextKind text_kind(const Pool& pool, const fs::path& file, std::optional<JsonLayout> layout) {
  const auto [extension, compression] = extension_of(file);
  const auto* json = dynamic_cast<const JsonFile*>(&pool.first_container());
  TextKind kind{json != nullptr ? json->layout() : JsonLayout::kLines, compression};
  if (layout) kind.layout = *layout;
  if (is_json_name(extension)) kind.layout = extension == ".json" ? JsonLayout::kArray : JsonLayout::kLines;
  else if (json != nullptr && compression == Compression::kNone && !layout) kind.compression = json->compression();
  return kind;
}

std::string_view value_of(const std::vector<JsonMember>& members, std::string_view key) {
  for (const auto& member : members) {
    if (member.key == key && member.value != "null" && member.value != "[]" && member.value != "\"\"") {
      return member.value;
    }
  }
  return {};
}

/// The strings of a JSON list, or a single one; empty for anything else.
std::vector<std::string> strings_of(std::string_view value) {
  const auto tree = nlohmann::json::parse(value, nullptr, false);
  std::vector<std::string> strings;
  if (tree.is_string()) strings.push_back(tree.get<std::string>());
  if (!tree.is_array()) return strings;
  for (const auto& item : tree) {
    if (item.is_string()) strings.push_back(item.get<std::string>());
  }
  return strings;
}

/// The same as LLaVA names them.
const char* llava_name(Role role) {
  return role == Role::kUser ? "human" : role == Role::kAssistant ? "gpt" : role_name(role);
}

std::string turns_of(const Sample& sample, bool llava) {
  auto turns = nlohmann::ordered_json::array();
  for (const auto& turn : sample.turns) {
    turns.push_back({{llava ? "from" : "role", llava ? llava_name(turn.role) : role_name(turn.role)},
                     {llava ? "value" : "content", turn.text}});
  }
  return turns.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Pictures as the value of "image" or "images".
std::string list_of(const std::vector<std::string>& pictures, bool llava) {
  if (llava && pictures.size() == 1) return json_text(pictures.front());
  return json_text(pictures);
}

/// The row with its conversation under the other spelling's keys, if it has none under those that are asked for.
std::string respelt(const std::string& json, const Sample& sample, Spelling spelling) {
  const auto members = members_of(json);
  const bool llava = spelling == Spelling::kLlava;
  const bool has_llava = !value_of(members, "conversations").empty();
  if (spelling == Spelling::kKept || (llava ? has_llava : !has_llava && !value_of(members, "messages").empty())) {
    return json;
  }
  auto pictures = value_of(members, has_llava ? "image" : "images");
  if (pictures.empty()) pictures = value_of(members, has_llava ? "images" : "image");
  std::string added = fmt::format("\"{}\": {}", llava ? "conversations" : "messages", turns_of(sample, llava));
  if (!pictures.empty()) {
    added = fmt::format("\"{}\": {}, {}", llava ? "image" : "images", list_of(strings_of(pictures), llava), added);
  }
  const auto id = value_of(members, "id");
  if (!id.empty()) added = fmt::format("\"id\": {}, {}", id, added);
  return with_member(json, added, {"id", "image", "images", "conversations", "messages", "texts", "system"});
}

/// Reads pictures into `container`; those that cannot be read are counted, and told of at the end.
class PictureSource {
 public:
  explicit PictureSource(const char* container) : container_(container) {}
  ~PictureSource() {
    if (missing_ > 0) {
      log_warning("{} pictures could not be read and are not in the {} (the first: {})", missing_, container_,
                  first_missing_);
    }
  }

  std::optional<std::string> read(const std::string& name) {
    try {
      return read_picture(name);
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      if (missing_++ == 0) first_missing_ = error.problem();
      return {};
    }
  }

 private:
  const char* container_;
  std::int64_t missing_ = 0;
  std::string first_missing_;
};

/// Rows as a JSON file, pictures of containers beside it.
class TextSubset {
 public:
  TextSubset(const fs::path& file, TextKind kind, Spelling spelling)
      : writer_(file, kind.layout, kind.compression),
        spelling_(spelling),
        file_(file),
        folder_(pictures_beside(file)) {}

  /// `root`: the folder from which the row's relative pictures start.
  void add(const Sample& sample, const RawRow& raw, const fs::path& root) {
    note_root(raw.json, root);
    writer_.add(respelt(with_pictures(sample, raw.json), sample, spelling_));
  }
  /// Throws UserError(kUsage) if no one folder is where all pictures are.
  void commit() {
    if (roots_.size() > 1) {
      throw UserError(
          ErrorKind::kUsage,
          fmt::format("The pictures of '{}' would be below {} folders ({}), and a JSON file is read with one.",
                      file_.string(), roots_.size(), fmt::join(roots_, ", ")),
          "Use format=webdataset or format=parquet, which hold their pictures.");
    }
    writer_.commit();
  }

 private:
  /// Takes the row's pictures out of its container.
  std::string with_pictures(const Sample& sample, const std::string& json) {
    if (std::none_of(sample.images.begin(), sample.images.end(), is_picture_reference)) return json;
    add_root(file_.parent_path());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < sample.images.size(); ++i) {
      const auto bytes = pictures_.read(sample.images[i]);
      const auto name = fmt::format("{:09}{}.{}", sample.row, i == 0 ? "" : fmt::format("_{}", i),
                                    bytes ? picture_extension(*bytes) : "jpg");
      if (bytes) write_picture(folder_ / name, *bytes);
      names.push_back((folder_.filename() / name).string());
    }
    const bool llava = !value_of(members_of(json), "image").empty();
    return with_member(json, fmt::format("\"{}\": {}", llava ? "image" : "images", list_of(names, llava)),
                       {"image", "images"});
  }

  /// Another picture of that name may belong to another subset, or to the pool.
  static void write_picture(const fs::path& file, const std::string& bytes) {
    if (!fs::exists(file)) return write_file_atomically(file, bytes, Durability::kNone);
    if (read_file(file) == bytes) return;
    throw UserError(ErrorKind::kUsage, fmt::format("'{}' is there already and is another picture.", file.string()),
                    "Choose another out=, or remove that folder.");
  }

  void note_root(const std::string& json, const fs::path& root) {
    const auto members = members_of(json);
    for (const char* key : {"image", "images"}) {
      for (const auto& name : strings_of(value_of(members, key))) {
        if (!is_picture_reference(name) && fs::path(name).is_relative()) add_root(root);
      }
    }
  }
  void add_root(const fs::path& root) {
    if (root == last_root_) return;
    last_root_ = root;
    std::error_code unknown;
    roots_.insert(fs::weakly_canonical(fs::absolute(root.empty() ? "." : root, unknown), unknown).string());
  }

  JsonRowsWriter writer_;
  Spelling spelling_;
  PictureSource pictures_{"subset's folder"};
  fs::path file_, folder_;
  std::set<std::string> roots_;  ///< where relative pictures are
  std::optional<fs::path> last_root_;
};

void write_text(const Pool& pool, std::span<const std::int64_t> rows, const fs::path& file, TextKind kind,
                Spelling spelling) {
  TextSubset subset(file, kind, spelling);
  pool.for_each_raw(rows,
                    [&](Sample& sample, const RawRow& raw) { subset.add(sample, raw, pool.image_root(sample.row)); });
  subset.commit();
}

/// Rows of other containers as samples of a tar.
class TarSubset {
 public:
  explicit TarSubset(TarWriter& tar) : tar_(tar) {}

  void add(const Sample& sample, const RawRow& raw) {
    const auto key = fmt::format("{:09}", sample.row);
    const bool inside = std::any_of(sample.images.begin(), sample.images.end(), is_picture_reference);
    tar_.add(key + ".json", inside ? with_member(raw.json, "", {"image", "images"}) : raw.json);
    for (std::size_t i = 0; i < sample.images.size(); ++i) {
      const auto number = sample.images.size() == 1 ? "" : fmt::format("{}.", i);
      if (const auto bytes = pictures_.read(sample.images[i]))
        tar_.add(fmt::format("{}.{}{}", key, number, extension(*bytes, sample.images[i])), *bytes);
    }
  }

 private:
  /// A file that is no picture keeps its name's, so that it is refused as what it is.
  static std::string extension(std::string_view bytes, const std::string& name) {
    std::string found = picture_extension(bytes);
    if (found != "bin") return found;
    const auto given = fs::path(name).extension().string();
    return given.size() > 1 && given.size() < 6 ? given.substr(1) : "jpg";
  }

  TarWriter& tar_;
  PictureSource pictures_{"tar"};
};

void write_tar(const Pool& pool, std::span<const std::int64_t> rows, const fs::path& file) {
  TarWriter tar(file);
  TarSubset subset(tar);
  for (const auto& part : pool.by_file(rows)) {
    if (const auto* shard = dynamic_cast<const TarContainer*>(part.container)) {
      shard->copy(part.file_rows, tar);
    } else {
      pool.for_each_raw(part.pool_rows, [&](Sample& sample, const RawRow& raw) { subset.add(sample, raw); });
    }
  }
  tar.commit();
}

void write_ids(const Pool& pool, std::span<const std::int64_t> rows, const fs::path& file) {
  const bool ids = pool.ids_tell_rows();
  if (!ids) {
    log_warning("'{}' holds row numbers in place of ids: some ids of '{}' are missing or repeat", file.string(),
                pool.file().string());
  }
  FileWriter writer(file);
  if (ids) pool.for_each_of(rows, [&](Sample& sample) { writer.write(sample.id + "\n"); });
  else
    for (const auto row : rows) writer.write(std::to_string(row) + "\n");
  writer.commit();
}

/// In the containers that the rows came from.
void write_own(const Pool& pool, std::span<const std::int64_t> rows, const fs::path& file) {
  const auto parts = pool.by_file(rows);
  if (parts.size() == 1) {
    parts.front().container->write_subset(parts.front().file_rows, file);
    return;
  }
  std::error_code code;
  if (fs::exists(file, code) && !fs::is_directory(file, code)) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("'{}' is a file, and the rows of {} files become a folder of shards.", file.string(), parts.size()),
        "Give out= the name of a folder, or of one file with .jsonl or .tar.");
  }
  ensure_folder(file);
  std::set<std::string> names;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto name = parts[i].container->file().filename().string();
    if (!names.insert(name).second) name = fmt::format("{:05}-{}", i, name);
    parts[i].container->write_subset(parts[i].file_rows, file / name);
  }
}

bool is_parquet(const Container& container) { return container.file().extension() == ".parquet"; }

/// Rows of one Parquet file stay as they are; those of several become a folder of shards unless `file` says otherwise.
void write_as_parquet(const Pool& pool, std::span<const std::int64_t> rows, const fs::path& file) {
  const auto parts = pool.by_file(rows);
  const bool own =
      std::all_of(parts.begin(), parts.end(), [](const auto& part) { return is_parquet(*part.container); });
  if (own && (parts.size() == 1 || file.extension() != ".parquet")) return write_own(pool, rows, file);
  PictureSource pictures("Parquet file");
  const auto mixed = write_parquet(
      file,
      [&](const auto& take) {
        pool.for_each_raw(rows, [&](Sample& sample, const RawRow& raw) { take({raw.json, sample.images}); });
      },
      [&](const std::string& name) { return pictures.read(name); });
  if (mixed.empty()) return;
  log_warning("'{}': values of several types are kept as text in {}", file.string(), fmt::join(mixed, ", "));
}

SubsetFormat format_of(const fs::path& file) {
  const auto [extension, compression] = extension_of(file);
  if (compression != Compression::kNone && (extension == ".tar" || extension == ".parquet")) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("'{}' would be a compressed {}, whose pictures cannot be read in place.", file.string(),
                                extension.substr(1)),
                    "Leave the last extension out.");
  }
  if (extension == ".tar") return SubsetFormat::kWebDataset;
  if (extension == ".parquet") return SubsetFormat::kParquet;
  return SubsetFormat::kAuto;
}

/// Whether rows go from text to text, in which also those that cannot be used keep their bytes.
bool stays_text(const Pool& pool, std::span<const std::int64_t> rows, SubsetFormat format) {
  if (format == SubsetFormat::kWebDataset || format == SubsetFormat::kParquet) return false;
  const auto parts = pool.by_file(rows);
  return std::all_of(parts.begin(), parts.end(),
                     [](const auto& part) { return dynamic_cast<const JsonFile*>(part.container) != nullptr; });
}

void write(const Pool& pool, std::span<const std::int64_t> rows, const fs::path& file, SubsetFormat format) {
  switch (format) {
    case SubsetFormat::kAuto: {
      const bool text = dynamic_cast<const JsonFile*>(&pool.first_container()) != nullptr;
      if (text || is_json_name(extension_of(file).first)) {
        return write_text(pool, rows, file, text_kind(pool, file, {}), Spelling::kKept);
      }
      return write_own(pool, rows, file);
    }
    case SubsetFormat::kLlava:
      return write_text(pool, rows, file, text_kind(pool, file, JsonLayout::kArray), Spelling::kLlava);
    case SubsetFormat::kShareGpt:
      return write_text(pool, rows, file, text_kind(pool, file, JsonLayout::kArray), Spelling::kShareGpt);
    case SubsetFormat::kJsonLines:
      return write_text(pool, rows, file, {JsonLayout::kLines, extension_of(file).second}, Spelling::kKept);
    case SubsetFormat::kWebDataset: return write_tar(pool, rows, file);
    case SubsetFormat::kIds: return write_ids(pool, rows, file);
    case SubsetFormat::kParquet: return write_as_parquet(pool, rows, file);
  }
}

}  // namespace

std::int64_t write_subset(const Pool& pool, std::vector<std::int64_t> rows, const fs::path& file, SubsetFormat format) {
  std::sort(rows.begin(), rows.end());
  if (format == SubsetFormat::kAuto) format = format_of(file);
  if (!stays_text(pool, rows, format)) {
    const auto unusable = std::erase_if(rows, [&](std::int64_t row) { return !pool.usable(row); });
    if (unusable > 0)
      log_warning("{} rows of '{}' cannot be used and are not in '{}'", unusable, pool.file().string(), file.string());
  }
  write(pool, rows, file, format);
  return std::ssize(rows);
}

fs::path pictures_beside(const fs::path& subset) {
  auto folder = subset;
  if (extension_of(subset).second != Compression::kNone) folder.replace_extension();
  if (is_json_name(folder.extension().string())) folder.replace_extension();
  return folder += "_images";
}

void write_rows(const Pool& pool, std::vector<std::int64_t> rows, const fs::path& file) {
  std::sort(rows.begin(), rows.end());
  const auto* json = dynamic_cast<const JsonFile*>(&pool.first_container());
  JsonRowsWriter writer(file, json != nullptr ? json->layout() : JsonLayout::kLines, Compression::kNone);
  pool.for_each_raw(rows, [&](Sample&, const RawRow& raw) { writer.add(raw.json); });
  writer.commit();
}

}  // namespace scalselect
