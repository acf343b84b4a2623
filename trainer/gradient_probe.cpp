#include "trainer/gradient_probe.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "core/sketch.h"
#include "vlm/image_cache.h"
#include "vlm/module_pattern.h"
#include "vlm/sample_threads.h"

namespace scalselect::trainer {
namespace {

double norm_of(const float* x, std::int64_t size) {
  double squares = 0;
  for (std::int64_t j = 0; j < size; ++j) squares += static_cast<double>(x[j]) * x[j];
  return std::sqrt(squares);
}

class VlmGradients final : public GradientProbe {
 public:
  VlmGradients(vlm::OpenModel model, const std::vector<std::string>& names, AdamMoments moments,
               const GradientProbeOptions& options)
      : model_(std::move(model.model)),
        chat_(std::move(model.chat)),
        images_(std::move(model.images)),
        computer_(model_, names),
        moments_(std::move(moments)),
        options_(options),
        cache_(options.cache_mb << 20) {}

  std::int64_t size() const override { return computer_.size(); }

  void differentiate(std::span<const Sample> samples, const GradientRequest& request,
                     const GradientSink& sink) override {
    for (const auto& spec : request.sketches) {
      if (spec.step != GradientStep::kAdam || !moments_.empty()) continue;
      throw UserError(ErrorKind::kUsage, "an Adam step needs the moments of a warm-up, and there are none",
                      "Set warm_up.share above 0 with weights=lora, or use the plain gradient.");
    }
    const auto threads = model_->device().is_cpu() ? static_cast<std::int64_t>(thread_count()) : 1;
    const auto fitting = (options_.held_mb << 20) / (4 * std::max<std::int64_t>(1, size()));
    const auto group = static_cast<std::size_t>(std::max(threads, fitting));
    for (std::size_t first = 0; first < samples.size(); first += group) {
      run(samples.subspan(first, std::min(group, samples.size() - first)), request, sink);
    }
  }

 private:
  /// A group whose gradients are in memory together.
  void run(std::span<const Sample> samples, const GradientRequest& request, const GradientSink& sink) {
    const auto count = static_cast<std::int64_t>(samples.size());
    std::vector<SampleGradients> results(samples.size());
    std::vector<std::vector<float>> gradients(samples.size());
    const auto body = [&](std::int64_t i) {
      results[i].row = samples[i].row;
      gradients[i].resize(static_cast<std::size_t>(size()));
      results[i].reject = differentiate(samples[i], gradients[i].data());
      if (results[i].reject.empty() && request.norm) results[i].norm = norm_of(gradients[i].data(), size());
    };
    const auto each = model_->device().is_cpu() ? vlm::parallel_samples : vlm::samples_in_turn;
    each(count, body);
    std::vector<std::int64_t> usable;
    for (std::int64_t i = 0; i < count; ++i) {
      if (results[i].reject.empty()) usable.push_back(i);
    }
    for (const auto& spec : request.sketches) {
      auto sketches = sketch(spec.sketch, static_cast<std::int64_t>(usable.size()), size(),
                             [&](std::int64_t u, std::int64_t first, std::int64_t length, float* out) {
                               std::copy_n(gradients[usable[u]].data() + first, length, out);
                               if (spec.step == GradientStep::kAdam) adam_step(moments_, first, length, out);
                             });
      for (std::size_t u = 0; u < usable.size(); ++u) results[usable[u]].sketches.push_back(std::move(sketches[u]));
    }
    for (const auto& item : results) sink(item);
  }

  /// Writes the sample's gradient; returns why there is none, or nothing.
  std::string differentiate(const Sample& sample, float* out) {
    try {
      const auto row = render_row(sample, chat_, images_->image_tokens(sample.images), options_.max_length);
      if (!row.reject.empty()) return row.reject;
      std::vector<vlm::TowerOutput> encoded;
      for (const auto& path : sample.images) encoded.push_back(encode(path));
      computer_.compute(row.sample, vlm::concatenate(encoded), out);
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      return error.problem();
    }
    return "";
  }

  vlm::TowerOutput encode(const std::string& path) {
    if (const auto kept = cache_.find(path)) return *kept;
    const torch::NoGradGuard no_grad;
    auto encoded = std::make_shared<vlm::TowerOutput>(model_->encode({images_->pixels(path).to(model_->dtype())}));
    cache_.insert(path, encoded, vlm::bytes_of(encoded->features, encoded->deep));
    return *encoded;
  }

  vlm::Vlm model_;
  vlm::ChatTemplate chat_;
  std::shared_ptr<vlm::ImageReader> images_;
  GradientComputer computer_;
  AdamMoments moments_;
  GradientProbeOptions options_;
  vlm::BoundedCache<vlm::TowerOutput> cache_;
};

std::vector<std::string> parameters_matching(const vlm::Vlm& model, const std::string& pattern) {
  const vlm::ModulePattern chosen(pattern);
  std::vector<std::string> names;
  std::string examples;
  for (const auto& item : model->named_parameters()) {
    if (chosen.matches_all(item.key())) names.push_back(item.key());
    if (item.key().find("layers.0.") != std::string::npos && examples.size() < 200) examples += " " + item.key();
  }
  if (names.empty()) {
    throw UserError(ErrorKind::kUsage, "the gradient's pattern '" + pattern + "' matches no parameter of the model",
                    "Match whole names such as" + examples + ".");
  }
  return names;
}

/// Brings the model to the point where gradients are taken; returns the names of the parameters they are taken for.
std::vector<std::string> prepare(const vlm::Vlm& model, const GradientSource& source) {
  const bool full = !source.full_pattern.empty();
  if (!source.adapter.empty()) vlm::load_adapter(source.adapter, model, /*merge=*/full);
  if (full) return parameters_matching(model, source.full_pattern);
  if (source.adapter.empty()) {
    torch::manual_seed(static_cast<std::uint64_t>(source.seed));
    auto spec = source.lora;
    spec.exclude_pattern = model->frozen_pattern();
    vlm::attach_adapter(model, spec);
  }
  std::vector<std::string> names;
  for (const auto& item : model->named_parameters()) {
    if (item.key().ends_with(".lora_A") || item.key().ends_with(".lora_B")) names.push_back(item.key());
  }
  return names;
}

}  // namespace

std::unique_ptr<GradientProbe> open_gradient_probe(const std::filesystem::path& folder, const std::string& dtype,
                                                   const GradientSource& source, const GradientProbeOptions& options) {
  vlm::LoadOptions load;
  load.dtype = vlm::weight_dtype(dtype);
  auto opened = vlm::open_model(folder, load, options.pixels, options.chat_template);
  const auto names = prepare(opened.model, source);
  AdamMoments moments;
  if (!source.moments.empty() && source.full_pattern.empty()) moments = load_moments(source.moments, names);
  return std::make_unique<VlmGradients>(std::move(opened), names, std::move(moments), options);
}

}  // namespace scalselect::trainer
