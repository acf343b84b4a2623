#include "data/picture_tally.h"

#include <fmt/format.h>

#include <cstring>
#include <functional>

namespace scalselect {
namespace {

bool of_one_colour(const Image& image) {
  const auto& rgb = image.rgb;
  return rgb.size() >= 3 && std::memcmp(rgb.data(), rgb.data() + 3, rgb.size() - 3) == 0;
}

std::uint64_t hash_of(std::string_view bytes) { return std::hash<std::string_view>()(bytes); }

}  // namespace

void PictureTally::add(std::string_view file, const Image& image) {
  const auto name = hash_of(file);
  const auto pixels = hash_of({reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()}) ^
                      static_cast<std::uint64_t>(image.width);
  const bool plain = of_one_colour(image);
  const std::lock_guard lock(mutex_);
  if (plain && plain_.insert(name).second && plain_.size() == 1) first_plain_ = file;
  const auto [seen, fresh] = first_.emplace(pixels, name);
  if (!fresh && seen->second != name && repeated_.insert(name).second && repeated_.size() == 1) first_repeated_ = file;
}

std::string PictureTally::summary() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  if (!plain_.empty()) text = fmt::format("{} of one single colour (such as '{}')", plain_.size(), first_plain_);
  if (!repeated_.empty()) {
    text += fmt::format("{}{} with the same pixels as another (such as '{}')", text.empty() ? "" : ", ",
                        repeated_.size(), first_repeated_);
  }
  return text.empty() ? text : fmt::format("among the pictures read there are {}", text);
}

}  // namespace scalselect
