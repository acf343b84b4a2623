#include "eval/exchange/xlsx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/utf8.h"
#include "core/zip_format.h"
#include "eval/exchange/xml.h"
#include "eval/text_files.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;
using Event = XmlReader::Event;

constexpr std::int64_t kMostBytes = std::int64_t{1} << 30;  // of one member, unpacked
constexpr std::size_t kMostColumns = 16384;                 // of the format

[[noreturn]] void refuse(const fs::path& file, const std::string& problem, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("{}: {}", file.string(), problem), remedy);
}

/// The texts inside an .xlsx file, by name.
class Archive {
 public:
  explicit Archive(const fs::path& file) : file_(file), bytes_(file) {
    if (!bytes_.bytes().starts_with("PK")) {
      refuse(file, "is not an .xlsx file", "Its first bytes are not a zip archive's; fetch or export it again.");
    }
    members_ = read_zip_directory(file);
  }

  bool has(const std::string& name) const { return find(name) != members_.end(); }

  std::string text(const std::string& name) const {
    const auto member = find(name);
    if (member == members_.end()) refuse(file_, fmt::format("has no '{}'", name), "It is not an .xlsx file.");
    if (member->bytes > kMostBytes) refuse(file_, fmt::format("'{}' is larger than 1 GB", name), "Export it as TSV.");
    const auto offset = static_cast<std::size_t>(zip_data_offset(file_, *member));
    const auto packed = bytes_.bytes().substr(offset, static_cast<std::size_t>(member->packed_bytes));
    std::string text;
    if (!member->deflated) {
      text = packed;
    } else {
      inflate_zip_member(packed, *member, member->bytes, fmt::format("{}: '{}'", file_.string(), name),
                         [&](const char* part, std::size_t count) { text.append(part, count); });
    }
    require_utf8(text, file_, 1);
    return text;
  }

  const fs::path& file() const { return file_; }

 private:
  std::vector<ZipMember>::const_iterator find(const std::string& name) const {
    return std::find_if(members_.begin(), members_.end(), [&](const ZipMember& member) { return member.name == name; });
  }

  fs::path file_;
  MappedFile bytes_;
  std::vector<ZipMember> members_;
};

/// "_x000D_" -> CR: how the format writes characters that XML cannot hold (ECMA-376, 22.9.2.19).
std::string unescaped(const std::string& raw) {
  std::string text;
  for (std::size_t at = 0; at < raw.size();) {
    std::uint32_t point = 0;
    const char* const digits = raw.data() + at + 2;
    if (raw.compare(at, 2, "_x") == 0 && at + 7 <= raw.size() && raw[at + 6] == '_' &&
        std::from_chars(digits, digits + 4, point, 16).ptr == digits + 4 && is_scalar_value(point)) {
      append_utf8(text, point);
      at += 7;
    } else {
      text += raw[at++];
    }
  }
  return text;
}

/// The text of `<si>` or `<is>`, which has just opened: all its runs, without phonetic guides.
std::string rich_text(XmlReader& xml, const std::string& container) {
  std::string text;
  int phonetic = 0;
  bool inside = false;
  for (;;) {
    const auto event = xml.next();
    if (event == Event::kText && inside && phonetic == 0) text += xml.text();
    if (event == Event::kOpen && xml.name() == "rPh") ++phonetic;
    if (event == Event::kClose && xml.name() == "rPh") --phonetic;
    if (event == Event::kOpen && xml.name() == "t") inside = true;
    if (event == Event::kClose && xml.name() == "t") inside = false;
    if (event == Event::kEnd || (event == Event::kClose && xml.name() == container)) return unescaped(text);
  }
}

std::vector<std::string> shared_strings(const Archive& archive) {
  std::vector<std::string> strings;
  if (!archive.has("xl/sharedStrings.xml")) return strings;
  const auto bytes = archive.text("xl/sharedStrings.xml");
  XmlReader xml(bytes);
  for (auto event = xml.next(); event != Event::kEnd; event = xml.next()) {
    if (event == Event::kOpen && xml.name() == "si") strings.push_back(rich_text(xml, "si"));
  }
  return strings;
}

/// The place of the only sheet, and its name.
std::string only_sheet(const Archive& archive, std::string& name) {
  const auto book = archive.text("xl/workbook.xml");
  XmlReader xml(book);
  std::vector<std::string> names;
  std::string id;
  for (auto event = xml.next(); event != Event::kEnd; event = xml.next()) {
    if (event != Event::kOpen || xml.name() != "sheet") continue;
    names.push_back(xml.attribute("name"));
    id = xml.attribute("id");
  }
  if (names.size() != 1) {
    refuse(archive.file(), fmt::format("has {} sheets ({})", names.size(), fmt::join(names, ", ")),
           "Keep the one with the predictions, or save it as TSV.");
  }
  name = names[0];
  const auto relations = archive.text("xl/_rels/workbook.xml.rels");
  XmlReader links(relations);
  for (auto event = links.next(); event != Event::kEnd; event = links.next()) {
    if (event != Event::kOpen || links.name() != "Relationship" || links.attribute("Id") != id) continue;
    const auto target = links.attribute("Target");
    return target.starts_with('/') ? target.substr(1) : "xl/" + target;
  }
  throw std::invalid_argument("the workbook does not say where its sheet is");
}

/// "AB12" -> 27, the 0-based column.
std::size_t column_of(const std::string& reference) {
  std::size_t column = 0, at = 0;
  for (; at < reference.size() && reference[at] >= 'A' && reference[at] <= 'Z' && column < kMostColumns; ++at) {
    column = column * 26 + static_cast<std::size_t>(reference[at] - 'A') + 1;
  }
  if (at == 0 || column > kMostColumns) throw std::invalid_argument("a cell has no place");
  return column - 1;
}

/// "3.0000000000000001E0" -> "3": the digits that a double needs.
std::string number_text(const std::string& raw) {
  double value = 0;
  const auto [end, code] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (code != std::errc() || end != raw.data() + raw.size()) throw std::invalid_argument("a number is not a number");
  if (value == std::floor(value) && std::abs(value) < 9e15) return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

SheetCell cell_of(XmlReader& xml, const std::string& type, const std::vector<std::string>& strings) {
  SheetCell cell;
  std::string raw;
  bool value = false, inside = false;
  for (;;) {
    const auto event = xml.next();
    if (event == Event::kEnd || (event == Event::kClose && xml.name() == "c")) break;
    if (event == Event::kOpen && xml.name() == "is") {
      cell = {SheetCell::Kind::kText, rich_text(xml, "is")};
    } else if (event == Event::kOpen && xml.name() == "v") {
      value = inside = true;
    } else if (event == Event::kClose && xml.name() == "v") {
      inside = false;
    } else if (event == Event::kText && inside) {
      raw += xml.text();
    }
  }
  if (!value) return cell;
  if (type == "s") {
    std::size_t index = 0;
    const auto [end, code] = std::from_chars(raw.data(), raw.data() + raw.size(), index);
    if (code != std::errc() || end != raw.data() + raw.size() || index >= strings.size()) {
      throw std::invalid_argument("a cell refers to a text that is not there");
    }
    return {SheetCell::Kind::kText, strings[index]};
  }
  if (type == "str") return {SheetCell::Kind::kText, unescaped(raw)};
  if (type == "b") return {SheetCell::Kind::kOther, raw == "1" ? "True" : "False"};
  if (type == "e" || type == "d") return {SheetCell::Kind::kOther, raw};
  return {SheetCell::Kind::kNumber, number_text(raw)};
}

class SheetReader {
 public:
  SheetReader(const Archive& archive, const std::vector<std::string>& strings, Sheet& sheet)
      : archive_(archive), strings_(strings), sheet_(sheet) {}

  void read(const std::string& bytes) {
    XmlReader xml(bytes);
    std::size_t number = 0;
    for (auto event = xml.next(); event != Event::kEnd; event = xml.next()) {
      if (event == Event::kOpen && xml.name() == "row") {
        const auto given = xml.attribute("r");
        number = given.empty() ? number + 1 : static_cast<std::size_t>(std::strtoull(given.c_str(), nullptr, 10));
        row(xml, number);
      }
    }
    if (sheet_.columns.empty()) {
      refuse(archive_.file(), fmt::format("its sheet '{}' is empty", sheet_.name),
             "A row with column names is expected.");
    }
  }

 private:
  void row(XmlReader& xml, std::size_t number) {
    std::vector<SheetCell> cells;
    for (auto event = xml.next(); event != Event::kEnd; event = xml.next()) {
      if (event == Event::kClose && xml.name() == "row") break;
      if (event != Event::kOpen || xml.name() != "c") continue;
      const auto place = xml.attribute("r");
      const auto column = place.empty() ? cells.size() : column_of(place);
      const auto type = xml.attribute("t");
      auto cell = cell_of(xml, type, strings_);
      if (cells.size() <= column) cells.resize(column + 1);
      cells[column] = std::move(cell);
    }
    const auto blank = [](const SheetCell& cell) { return cell.kind == SheetCell::Kind::kBlank; };
    while (!cells.empty() && blank(cells.back())) cells.pop_back();
    if (cells.empty()) return;
    if (sheet_.columns.empty()) return header(cells);
    if (cells.size() > sheet_.columns.size()) {
      refuse(archive_.file(),
             fmt::format("row {} has {} cells where the header has {}", number, cells.size(), sheet_.columns.size()),
             "The first row must name every column.");
    }
    cells.resize(sheet_.columns.size());
    sheet_.rows.push_back(std::move(cells));
    sheet_.numbers.push_back(number);
  }

  void header(const std::vector<SheetCell>& cells) {
    for (const auto& cell : cells) {
      auto& columns = sheet_.columns;
      if (!cell.text.empty() && std::find(columns.begin(), columns.end(), cell.text) != columns.end()) {
        refuse(archive_.file(), fmt::format("column '{}' occurs twice", cell.text), "Rename or remove one of them.");
      }
      columns.push_back(cell.text);
    }
  }

  const Archive& archive_;
  const std::vector<std::string>& strings_;
  Sheet& sheet_;
};

}  // namespace

std::size_t Sheet::column(std::string_view name) const {
  return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
}

Sheet read_xlsx(const fs::path& file) {
  const Archive archive(file);
  if (!archive.has("xl/workbook.xml")) {
    refuse(file, "is a zip archive, but not an .xlsx file",
           "It holds no xl/workbook.xml; give the spreadsheet itself.");
  }
  Sheet sheet;
  std::string part = "xl/workbook.xml";
  try {
    const auto place = only_sheet(archive, sheet.name);
    part = "xl/sharedStrings.xml";
    const auto strings = shared_strings(archive);
    part = place;
    SheetReader(archive, strings, sheet).read(archive.text(place));
  } catch (const std::invalid_argument& error) {
    refuse(file, fmt::format("its part '{}' cannot be read: {}", part, error.what()), "Export the file again.");
  }
  return sheet;
}

}  // namespace scalselect::eval
