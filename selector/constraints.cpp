#include "selector/constraints.h"

#include <algorithm>
#include <cmath>

namespace scalselect {
namespace {

/// A value just above or below an integer by rounding means that integer: 0.07 of 100 rows is 7.
constexpr double kSlack = 1e-9;

double rows_of_limit(double limit, std::int64_t total) {
  return limit < 1 ? limit * static_cast<double>(total) : limit;
}

}  // namespace

std::int64_t SourceLimit::floor_rows(std::int64_t total) const {
  return floor ? static_cast<std::int64_t>(std::ceil(rows_of_limit(*floor, total) - kSlack)) : 0;
}

std::int64_t SourceLimit::cap_rows(std::int64_t total) const {
  return cap ? std::min(total, static_cast<std::int64_t>(std::floor(rows_of_limit(*cap, total) + kSlack))) : total;
}

bool Constraints::Limit::holds(std::int64_t row) const { return std::binary_search(rows.begin(), rows.end(), row); }

std::span<const std::int32_t> Constraints::pictures_of(std::int64_t row) const {
  return pictures.empty() ? std::span<const std::int32_t>() : pictures[static_cast<std::size_t>(row)];
}

std::string constraints_text(const ConstraintOptions& options) {
  const auto tree = dump_options(options), plain = dump_options(ConstraintOptions());
  std::string text;
  for (const auto& [key, value] : tree.items()) {
    if (value != plain[key]) text += " " + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

Allowance::Allowance(const Constraints& constraints, std::int64_t pool_size, std::int64_t total)
    : constraints_(constraints), left_(total), taken_(static_cast<std::size_t>(pool_size)) {
  for (const auto& source : constraints.sources) {
    lacking_of_.push_back(source.limit.floor_rows(total));
    room_of_.push_back(source.limit.cap_rows(total));
    lacking_ += lacking_of_.back();
  }
  std::int32_t last = -1;
  for (const auto& pictures : constraints.pictures) {
    for (const auto picture : pictures) last = std::max(last, picture);
  }
  used_.resize(static_cast<std::size_t>(last) + 1);
}

bool Allowance::admits(std::int64_t row) const {
  if (taken_[static_cast<std::size_t>(row)]) return false;
  for (const auto picture : constraints_.pictures_of(row)) {
    if (used_[static_cast<std::size_t>(picture)]) return false;
  }
  bool needed = false;
  for (std::size_t i = 0; i < lacking_of_.size(); ++i) {
    if (!constraints_.sources[i].holds(row)) continue;
    if (room_of_[i] <= 0) return false;
    needed = needed || lacking_of_[i] > 0;
  }
  return needed || left_ > lacking_;
}

void Allowance::take(std::int64_t row) {
  taken_[static_cast<std::size_t>(row)] = true;
  --left_;
  for (const auto picture : constraints_.pictures_of(row)) used_[static_cast<std::size_t>(picture)] = true;
  for (std::size_t i = 0; i < lacking_of_.size(); ++i) {
    if (!constraints_.sources[i].holds(row)) continue;
    --room_of_[i];
    if (lacking_of_[i] > 0) {
      --lacking_of_[i];
      --lacking_;
    }
  }
}

}  // namespace scalselect
