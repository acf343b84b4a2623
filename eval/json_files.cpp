#include "eval/json_files.h"

#include <fmt/format.h>

#include <string_view>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/utf8.h"
#include "data/python_json.h"
#include "eval/text_files.h"

namespace scalselect::eval {
namespace {

constexpr std::size_t kReleasedAtOnce = 16 << 20;  // of a file's pages that have been read

}  // namespace

nlohmann::json parse_json_file(const std::filesystem::path& file) {
  const std::string bytes = StandardJson(read_text(file)).text;
  try {
    return nlohmann::json::parse(bytes);
  } catch (const nlohmann::json::parse_error& error) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: not valid JSON near byte {}", file.string(), error.byte),
                    "The file may be cut short; fetch it again.");
  }
}

void for_each_json_line(const std::filesystem::path& file,
                        const std::function<void(const nlohmann::json&, const std::string&)>& visit,
                        const std::function<void(const UserError&)>& bad) {
  const MappedFile mapping(file);
  std::string_view bytes = mapping.bytes();
  refuse_wide_text(bytes.substr(0, 64), file);
  refuse_other_downloads(bytes, file);
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  const char line_end = bytes.find('\n') == std::string_view::npos ? '\r' : '\n';  // old Macs ended lines so
  std::size_t number = 0, released = 0;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find(line_end, begin), bytes.size());
    const std::string_view line = bytes.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    require_utf8(line, file, number);
    if (begin - released > kReleasedAtOnce) {
      const auto start = static_cast<std::size_t>(line.data() - bytes.data());
      mapping.release(bytes.substr(released, start - released));
      released = start;
    }
    const std::string where = fmt::format("{}: line {}", file.string(), number);
    const auto object = nlohmann::json::parse(StandardJson(line).text, nullptr, false);
    if (object.is_object()) {
      visit(object, where);
      continue;
    }
    const UserError error(ErrorKind::kInput, where + " is not a JSON object",
                          "One object per line is expected; the file may be cut short.");
    if (!bad) throw UserError(error);
    bad(error);
  }
}

bool has_json(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

const nlohmann::json& json_field(const nlohmann::json& object, const char* key, const std::string& where) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end()) throw UserError(ErrorKind::kInput, fmt::format("{} has no '{}'", where, key));
  return *found;
}

std::string json_string(const nlohmann::json& object, const char* key, const std::string& where) {
  const auto& value = json_field(object, key, where);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  throw UserError(ErrorKind::kInput, fmt::format("{} has a '{}' that is not text", where, key));
}

}  // namespace scalselect::eval
