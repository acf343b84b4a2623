// JSON and JSON Lines annotation files, with errors that name the file and the place.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"

namespace scalselect::eval {

/// JSON as Python reads it (data/python_json.h). Throws UserError(kInput), naming the file, if it cannot be read or is
/// not JSON.
nlohmann::json parse_json_file(const std::filesystem::path& file);

/// Calls `visit(object, "FILE: line N")` for each non-blank line. A line that is not an object is handed to `bad`, as
/// the UserError(kInput) that says so, or ends the reading with that error where there is no `bad`.
void for_each_json_line(const std::filesystem::path& file,
                        const std::function<void(const nlohmann::json&, const std::string& where)>& visit,
                        const std::function<void(const UserError&)>& bad = {});

/// Whether an object has a member that is not null.
bool has_json(const nlohmann::json& object, const char* key);

/// A member of an object. Throws UserError(kInput) "<where> has no '<key>'".
const nlohmann::json& json_field(const nlohmann::json& object, const char* key, const std::string& where);

/// A member as text; numbers are written out. Throws UserError(kInput) if it is absent or of another type.
std::string json_string(const nlohmann::json& object, const char* key, const std::string& where);

}  // namespace scalselect::eval
