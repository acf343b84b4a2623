// What each patch shows, as classes: the supervision of the vision tower's first stage of pre-training.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/mini/scene.h"

namespace scalselect::mini {

/// One linear head: `classes` classes, of which 0 means "nothing of the kind here".
struct LabelTask {
  std::string name;
  int classes = 0;
};

/// In order: what the patch itself shows (glyph 27, shape 8, color 9, size 3, value 10, arrow 5, cell 36, word_index
/// 6), then what belongs to it: the letter of its shape or column, the shape, colour and size that its letter stands
/// for, the directions of the arrows from and to it, its neighbours' letters and shapes, and counts: of all things,
/// of its own shape and colour, of its word's letters, of arrows. Class 0 is "none" everywhere but in "cell", where
/// class c is patch number c.
const std::vector<LabelTask>& label_tasks();

/// labels[task][patch], parallel to label_tasks(), patch = row * 6 + column.
std::vector<std::array<std::uint8_t, kPatches>> patch_labels(const Scene& scene);

}  // namespace scalselect::mini
