#include "experiments/runs/warnings.h"

#include <algorithm>

#include "core/files.h"
#include "core/log.h"

namespace scalselect::pipeline {

Warnings::Warnings(std::function<void(const std::string&)> also)
    : listener_([this, also = std::move(also)](LogLevel level, const std::string& text) {
        if (level != LogLevel::kWarning) return;
        if (also) also(text);
        const std::lock_guard<std::mutex> guard(lock_);
        add_warnings(heard_, {text});
      }) {}

std::vector<std::string> Warnings::take() {
  const std::lock_guard<std::mutex> guard(lock_);
  return std::exchange(heard_, {});
}

void add_warnings(std::vector<std::string>& known, const std::vector<std::string>& more) {
  for (const auto& text : more) {
    if (std::find(known.begin(), known.end(), text) == known.end()) known.push_back(text);
  }
}

nlohmann::json artifact_facts(const std::filesystem::path& folder) {
  return nlohmann::json::parse(read_file(folder / "meta.json")).at("facts");
}

std::vector<std::string> remembered_warnings(const std::filesystem::path& folder) {
  return artifact_facts(folder).value("warnings", std::vector<std::string>());
}

void repeat_warnings(const std::filesystem::path& folder) {
  for (const auto& text : remembered_warnings(folder)) log_warning("{}", text);
}

}  // namespace scalselect::pipeline
