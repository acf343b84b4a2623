#include "eval/tsv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/utf8.h"
#include "eval/text_files.h"

namespace scalselect::eval {
namespace {

constexpr std::size_t kLongCell = 4096;                         // bytes; shorter ones are kept in memory
constexpr std::size_t kReleasedAtOnce = std::size_t{16} << 20;  // bytes of the file that was read

struct Field {
  std::string text;
  std::string_view raw;  // as written, quotes included
};

// One pass over the text, field by field.
class Reader {
 public:
  Reader(std::string_view text, const std::filesystem::path& file) : text_(text), file_(file) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  // False at the end of the file. Blank lines are skipped.
  bool next_row(std::vector<Field>& fields, std::size_t& line) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) end_line();
    fields.clear();
    line = line_;
    if (at_ >= text_.size()) return false;
    const std::size_t begin = at_;
    for (;;) {
      fields.push_back(next_field());
      if (at_ < text_.size() && text_[at_] == '\t') {
        ++at_;
        continue;
      }
      require_utf8(text_.substr(begin, at_ - begin), file_, line);
      if (at_ < text_.size()) end_line();
      return true;
    }
  }

  Field next_field() {
    Field field;
    const std::size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '"') read_quoted(field.text);
    const std::size_t end = std::min(text_.find_first_of("\t\n\r", at_), text_.size());
    field.text += text_.substr(at_, end - at_);
    at_ = end;
    field.raw = text_.substr(begin, end - begin);
    return field;
  }

  std::string_view read_part() const { return text_.substr(0, at_); }

 private:
  void read_quoted(std::string& field) {
    const std::size_t opened = line_;
    ++at_;
    for (;;) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) {
        throw UserError(ErrorKind::kInput,
                        fmt::format("{}: the quoted field that opens on line {} never closes", file_.string(), opened),
                        "The file is probably cut short; fetch it again.");
      }
      const std::string_view piece = text_.substr(at_, quote - at_);
      line_ += static_cast<std::size_t>(std::count(piece.begin(), piece.end(), '\n'));
      field += piece;
      at_ = quote + 1;
      if (at_ >= text_.size() || text_[at_] != '"') return;
      field += '"';
      ++at_;
    }
  }

  void end_line() {
    at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
    ++line_;
  }

  std::string_view text_;
  const std::filesystem::path& file_;
  std::size_t at_ = 0, line_ = 1;
};

}  // namespace

bool is_missing_text(std::string_view cell) {
  static constexpr std::array<std::string_view, 19> kMissing = {
      "",     "#N/A", "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
      "<NA>", "N/A",  "NA",       "NULL", "NaN",     "None",     "n/a",  "nan",  "null"};
  return std::find(kMissing.begin(), kMissing.end(), cell) != kMissing.end();
}

TsvTable TsvTable::read(const std::filesystem::path& file) {
  const auto mapping = std::make_shared<MappedFile>(file);
  refuse_wide_text(mapping->bytes().substr(0, 64), file);
  refuse_other_downloads(mapping->bytes(), file);
  return parse(mapping->bytes(), file, mapping);
}

TsvTable TsvTable::parse(std::string_view text, const std::filesystem::path& file) {
  return parse(text, file, nullptr);
}

TsvTable TsvTable::parse(std::string_view text, const std::filesystem::path& file,
                         std::shared_ptr<const MappedFile> mapping) {
  TsvTable table;
  table.file_ = file;
  table.mapping_ = std::move(mapping);
  Reader reader(text, file);
  std::size_t line = 0;
  std::vector<Field> fields;
  const bool any = reader.next_row(fields, line);
  for (auto& field : fields) table.columns_.push_back(std::move(field.text));
  if (!any) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: the table is empty", file.string()),
                    "A header line with tab-separated column names is expected.");
  }
  for (auto name = table.columns_.begin(); name != table.columns_.end(); ++name) {
    if (std::find(table.columns_.begin(), name, *name) != name) {
      throw UserError(ErrorKind::kInput, fmt::format("{}: column '{}' occurs twice", file.string(), *name));
    }
  }
  std::size_t released = 0;
  while (reader.next_row(fields, line)) {
    if (fields.size() > table.columns_.size()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: line {} has {} fields where the header has {}", file.string(), line,
                                  fields.size(), table.columns_.size()),
                      "Fields that hold tabs or newlines must be quoted.");
    }
    auto& cells = table.cells_.emplace_back(table.columns_.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (table.mapping_ && fields[i].raw.size() > kLongCell) cells[i].in_file = fields[i].raw;
      else cells[i].text = std::move(fields[i].text);
    }
    table.lines_.push_back(line);
    if (const auto read = reader.read_part(); table.mapping_ && read.size() - released > kReleasedAtOnce) {
      table.mapping_->release(read.substr(released));
      released = read.size();
    }
  }
  return table;
}

bool TsvTable::has(std::string_view column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

void TsvTable::require(const std::vector<std::string>& columns) const {
  for (const auto& column : columns) {
    if (has(column)) continue;
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{}: column '{}' is missing (the file has {})", file_.string(), column, fmt::join(columns_, ", ")),
        "Is this the right benchmark, and a tab-separated file with a header?");
  }
}

const TsvTable::Cell* TsvTable::find(std::size_t row, std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  return found == columns_.end() ? nullptr : &cells_[row][static_cast<std::size_t>(found - columns_.begin())];
}

std::string TsvTable::cell(std::size_t row, std::string_view column) const {
  const auto* cell = find(row, column);
  if (cell == nullptr) return {};
  if (cell->in_file.empty()) return cell->text;
  auto text = Reader(cell->in_file, file_).next_field().text;
  mapping_->release(cell->in_file);
  return text;
}

bool TsvTable::missing(std::size_t row, std::string_view column) const {
  const auto* cell = find(row, column);
  return cell == nullptr || (cell->in_file.empty() && is_missing_text(cell->text));
}

std::string TsvTable::text(std::size_t row, std::string_view column) const {
  return missing(row, column) ? std::string() : cell(row, column);
}

}  // namespace scalselect::eval
