// Endless pictures: scene number i of a stream is the same in every run, whatever came before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/mini/scene.h"
#include "trainer/pretrain/options.h"
#include "trainer/pretrain/packing.h"
#include "vlm/libtorch.h"

namespace scalselect::pretrain {

/// Mean and deviation of pixel values in [0, 1], the same for all channels; written to preprocessor_config.json. A
/// deviation of .5 would drown small dark glyphs on a pale background.
inline constexpr double kPixelMean = 0.87, kPixelStd = 0.2;

/// float32 [n, 3, 48, 48], (x / 255 - mean) / std, as CLIP's image processor gives for pictures of that size.
torch::Tensor to_pixels(const std::vector<Image>& pictures);

struct Pictures {
  std::vector<mini::Scene> scenes;
  torch::Tensor pixels;  ///< float32 [n, 3, 48, 48]
};

/// Scenes first .. first + count - 1 of stream `name` (from Split::kTraining, scene types in turn) with pictures.
Pictures draw_pictures(std::int64_t seed, const std::string& name, std::int64_t first, std::int64_t count);

/// int64 [tasks, n * 36]: mini::patch_labels of each scene, patches of a picture together.
torch::Tensor label_tensor(const std::vector<mini::Scene>& scenes);

/// Facts of scenes first .. of stream `name`, packed and collated.
PackedBatch draw_facts(const std::vector<mini::Scene>& scenes, std::int64_t seed, const std::string& name,
                       std::int64_t first, const PackingOptions& options);

}  // namespace scalselect::pretrain
