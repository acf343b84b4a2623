// Pictures of scenes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/image.h"
#include "data/mini/scene.h"

namespace scalselect::mini {

/// Draws a scene as 48 x 48 RGB. Everything stays inside the patches that `scene.h` gives it: things are moved by at
/// most a pixel within their patches, colours vary a little, and Gaussian noise (sigma 6 of 255) lies over all.
/// `noise` is the source of all of that; two calls with equal streams give equal pictures.
Image render(const Scene& scene, Rng& noise);

/// The same without any noise, jitter or colour variation.
Image render_clean(const Scene& scene);

/// `columns` pictures per row, each enlarged by `scale` (nearest neighbour) with a thin border; for people to look at.
Image contact_sheet(const std::vector<Image>& pictures, int columns, int scale = 4);

}  // namespace scalselect::mini
