#include "core/failure.h"

#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"

namespace scalselect {
namespace {

/// LibTorch's messages end with a backtrace.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// As failure_sentence, in whatever encoding a quoted file name has.
std::string sentence(const std::exception& error) {
  if (dynamic_cast<const UserError*>(&error) != nullptr) return error.what();
  const std::string text = first_line(error.what());
  if (text.find("out of memory") != std::string::npos) {  // GPU memory: LibTorch has its own type for that
    return "Out of GPU memory. Use model.dtype=bfloat16, a smaller trainer.batch_size or model.max_pixels, or "
           "device=cpu; finished work is kept.";
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return "Out of memory. Use a smaller batch size or fewer parallel jobs; finished work is kept.";
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    return file->code().message() + ": '" + file->path1().string() +
           "'. Check permissions and free space, or choose another place.";
  }
  if (dynamic_cast<const std::system_error*>(&error) != nullptr)
    return text + ". Check free space and the system's limits.";
  return text + " (this is a fault of the program; please report it with the command)";
}

}  // namespace

std::string failure_sentence(const std::exception& error) {
  const nlohmann::json text = sentence(error);
  return nlohmann::json::parse(text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)).get<std::string>();
}

}  // namespace scalselect
