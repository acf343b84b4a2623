// Golden LLaVA folders for tests of the model (made by golden/make_llava.py).
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "vlm/checkpoint.h"
#include "vlm/libtorch.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {

inline std::filesystem::path golden_folder(const std::string& name) {
  return std::filesystem::path(SCALSELECT_TEST_DATA) / name;
}

/// Largest |a - b| over the largest |b|.
inline double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  const auto scale = b.abs().max().item<double>();
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>() / (scale > 0 ? scale : 1.0);
}

/// A golden folder's model and the tensors that the reference computed from it.
struct Golden {
  explicit Golden(const std::string& name, const LoadOptions& options = {})
      : folder(golden_folder(name)), model(load_llava(folder, options)), tensors(folder / "golden.safetensors") {}
  torch::Tensor operator()(const std::string& name) const { return tensors.tensor(name).clone(); }
  /// Embeddings of prompt `i` with its image merged in.
  torch::Tensor merged(int i) {
    const auto ids = (*this)("ids." + std::to_string(i));
    const auto features = model->encode_images((*this)("pixels").narrow(0, i, 1));
    return model->merge(model->embed(ids), ids, model->project(features));
  }
  std::filesystem::path folder;
  LlavaModel model;
  SafetensorsFile tensors;
};

}  // namespace scalselect::vlm
