#include "trainer/pretrain/stream.h"

#include <fmt/format.h>

#include <array>

#include "core/check.h"
#include "data/mini/labels.h"
#include "data/mini/render.h"

namespace scalselect::pretrain {

namespace {

Rng picture_rng(std::int64_t seed, const std::string& name, const char* what, std::int64_t index) {
  return Rng(static_cast<std::uint64_t>(seed), fmt::format("pretrain/{}/{}/{}", name, what, index));
}

}  // namespace

torch::Tensor to_pixels(const std::vector<Image>& pictures) {
  static const auto table = [] {
    std::array<float, 256> values;
    for (int i = 0; i < 256; ++i) {
      const auto scaled = static_cast<float>(i * (1.0 / 255.0));
      values[static_cast<std::size_t>(i)] = (scaled - static_cast<float>(kPixelMean)) / static_cast<float>(kPixelStd);
    }
    return values;
  }();
  constexpr std::int64_t kArea = mini::kImageSize * mini::kImageSize;
  auto pixels = torch::empty({static_cast<std::int64_t>(pictures.size()), 3, mini::kImageSize, mini::kImageSize});
  auto* out = pixels.data_ptr<float>();
  for (const auto& picture : pictures) {
    SCALSELECT_CHECK(picture.width == mini::kImageSize && picture.height == mini::kImageSize);
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      for (std::int64_t i = 0; i < kArea; ++i) *out++ = table[picture.rgb[static_cast<std::size_t>(3 * i + channel)]];
    }
  }
  return pixels;
}

Pictures draw_pictures(std::int64_t seed, const std::string& name, std::int64_t first, std::int64_t count) {
  Pictures out;
  std::vector<Image> pictures;
  for (std::int64_t i = first; i < first + count; ++i) {
    Rng rng = picture_rng(seed, name, "scene", i);
    const auto type = static_cast<mini::SceneType>(i % mini::kSceneTypes);
    out.scenes.push_back(mini::sample_scene(rng, type, mini::Split::kTraining));
    pictures.push_back(mini::render(out.scenes.back(), rng));
  }
  out.pixels = to_pixels(pictures);
  return out;
}

torch::Tensor label_tensor(const std::vector<mini::Scene>& scenes) {
  const auto tasks = static_cast<std::int64_t>(mini::label_tasks().size());
  const auto count = static_cast<std::int64_t>(scenes.size());
  auto labels = torch::empty({tasks, count * mini::kPatches}, torch::kLong);
  auto* out = labels.data_ptr<std::int64_t>();
  for (std::int64_t n = 0; n < count; ++n) {
    const auto own = mini::patch_labels(scenes[static_cast<std::size_t>(n)]);
    for (std::int64_t task = 0; task < tasks; ++task) {
      for (std::int64_t p = 0; p < mini::kPatches; ++p) {
        out[(task * count + n) * mini::kPatches + p] = own[static_cast<std::size_t>(task)][static_cast<std::size_t>(p)];
      }
    }
  }
  return labels;
}

PackedBatch draw_facts(const std::vector<mini::Scene>& scenes, std::int64_t seed, const std::string& name,
                       std::int64_t first, const PackingOptions& options) {
  std::vector<PackedFacts> packs;
  for (std::size_t i = 0; i < scenes.size(); ++i) {
    Rng rng = picture_rng(seed, name, "facts", first + static_cast<std::int64_t>(i));
    packs.push_back(draw_packed_facts(scenes[i], rng, options));
  }
  return collate(packs);
}

}  // namespace scalselect::pretrain
