#include <algorithm>
#include <array>

#include "core/error.h"
#include "vlm/vlm.h"

namespace scalselect::vlm {

namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw UserError(ErrorKind::kInput, what,
                  "Check that the image token is expanded to the visual tokens of each image.");
}

/// Walks one sequence and writes its three rows of positions.
class Walk {
 public:
  Walk(const std::vector<VisualGrid>& grids, std::size_t& image) : grids_(grids), image_(image) {}

  void text(const std::array<std::int64_t*, 3>& axes, std::int64_t at) {
    if (left_ > 0) refuse("the image tokens of one image must be contiguous");
    for (auto* axis : axes) axis[at] = next_;
    ++next_;
  }

  void visual(const std::array<std::int64_t*, 3>& axes, std::int64_t at) {
    if (left_ == 0) {
      if (image_ == grids_.size()) refuse("the prompt has more image tokens than its images have features");
      left_ = grids_[image_++].tokens();
    }
    const auto& grid = grids_[image_ - 1];
    const auto index = grid.tokens() - left_--;
    axes[0][at] = next_;
    axes[1][at] = next_ + index / grid.columns;
    axes[2][at] = next_ + index % grid.columns;
    if (left_ == 0) next_ += std::max(grid.rows, grid.columns);
  }

 private:
  const std::vector<VisualGrid>& grids_;
  std::size_t& image_;
  std::int64_t next_ = 0, left_ = 0;
};

}  // namespace

torch::Tensor mrope_positions(const torch::Tensor& ids, const std::vector<VisualGrid>& grids,
                              std::int64_t image_token_id, const torch::Tensor& keep) {
  const auto rows = ids.size(0), length = ids.size(1);
  auto positions = torch::ones({3, rows, length}, torch::kInt64);
  const auto tokens = ids.contiguous();
  const auto kept = keep.defined() ? keep.to(torch::kInt64).contiguous() : torch::ones_like(tokens);
  std::size_t image = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto* id = tokens.const_data_ptr<std::int64_t>() + row * length;
    const auto* real = kept.const_data_ptr<std::int64_t>() + row * length;
    std::array<std::int64_t*, 3> axes;
    for (std::int64_t a = 0; a < 3; ++a) axes[a] = positions.data_ptr<std::int64_t>() + (a * rows + row) * length;
    Walk walk(grids, image);
    for (std::int64_t at = 0; at < length; ++at) {
      if (real[at] == 0) continue;
      if (id[at] == image_token_id) walk.visual(axes, at);
      else walk.text(axes, at);
    }
  }
  return positions;
}

}  // namespace scalselect::vlm
