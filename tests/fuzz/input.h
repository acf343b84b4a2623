// What the fuzz targets share: the input as text or as a file, and what may come of it.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/error.h"

namespace scalselect::fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// In a folder of this process, written anew for every input.
inline std::filesystem::path file_of(const char* name, const std::uint8_t* data, std::size_t size) {
  static const auto folder = std::filesystem::temp_directory_path() / ("scalselect-fuzz-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto file = folder / name;
  std::ofstream(file, std::ios::binary) << text(data, size);
  return file;
}

inline void require(bool holds) {
  if (!holds) std::abort();
}

/// A file is used or refused with a sentence; any other exception ends the program, and the fuzzer keeps the input.
template <class Body>
void expect_value_or_refusal(const Body& body) {
  try {
    body();
  } catch (const UserError&) {
  }
}

}  // namespace scalselect::fuzz
