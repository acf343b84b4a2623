#include "trainer/pretrain/pretrain.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/mini/labels.h"
#include "trainer/bfloat16.h"
#include "trainer/checkpoint.h"
#include "trainer/pretrain/facts_stage.h"
#include "trainer/pretrain/hf_files.h"
#include "trainer/pretrain/mini_model.h"
#include "trainer/pretrain/optimizer.h"
#include "trainer/pretrain/probes.h"
#include "trainer/pretrain/stream.h"
#include "trainer/pretrain/tower_stage.h"
#include "vlm/checkpoint.h"

namespace scalselect::pretrain {

namespace {

constexpr std::int64_t kStepsAReport = 100;

/// Loss of one step, and a report about the steps since the last report.
struct Stage {
  std::string name;
  StageOptions options;
  std::function<void()> prepare;                                       ///< once, before the first step
  std::function<NamedTensors()> parameters;                            ///< to be trained
  std::function<torch::Tensor(std::int64_t first, bool report)> loss;  ///< pictures first ..
  std::function<std::string()> report;
};

class Pretraining {
 public:
  Pretraining(std::filesystem::path folder, const PretrainOptions& options)
      : folder_(std::move(folder)),
        options_(options),
        tree_(dump_options(options)),
        model_(mini_config(options.shape)),
        heads_(options.shape.tower_hidden),
        stages_{tower_stage(), alignment_stage(),
                facts_stage("facts_plain", options_.facts_plain, options_.packing_plain),
                facts_stage("facts_noise", options_.facts_noise, options_.packing_noise),
                facts_stage("facts_choice", options_.facts_choice, options_.packing_choice)} {
    initialise(model_, options.seed);
  }

  /// False if `budget` steps (0 = unlimited) ran out first.
  bool run(std::int64_t budget) {
    budget_ = budget;
    auto state = trainer::SavedState::open(state_file(folder_), tree_);
    if (state) restore_weights(*state);
    const auto stages = std::ssize(stages_);
    for (std::int64_t index = state ? state->position("stage", stages) : 0; index < stages; ++index) {
      if (!run_stage(index, state)) return false;
      state.reset();
    }
    finish();
    return true;
  }

 private:
  Stage tower_stage() {
    auto tally = std::make_shared<std::string>();
    return {"tower",
            options_.tower,
            [] {},
            [this] {
              auto chosen = select_parameters(model_, true, false, false, false);
              chosen.emplace_back("heads.weight", heads_->weight);
              chosen.emplace_back("heads.bias", heads_->bias);
              return chosen;
            },
            [this, tally](std::int64_t first, bool report) {
              const auto pictures = draw_pictures(options_.seed, "tower", first, options_.tower.batch);
              const auto labels = label_tensor(pictures.scenes);
              const trainer::BFloat16Products products(options_.bfloat16, model_->device());
              const auto result = heads_(model_->encode_images(pictures.pixels), labels, report);
              if (report) *tally = describe_labels(result.accuracy);
              return result.loss;
            },
            [tally] { return *tally; }};
  }

  static std::string describe_labels(const std::vector<double>& accuracy) {
    std::string text;
    for (std::size_t i = 0; i < accuracy.size(); ++i) {
      text += fmt::format("{}{} {:.0f}", i ? ", " : "", mini::label_tasks()[i].name, 100 * accuracy[i]);
    }
    return text;
  }

  Stage alignment_stage() {
    auto accuracy = std::make_shared<double>(0);
    return {"alignment",
            options_.alignment,
            [this] {
              whiten_projector(model_, sample_features(), options_.seed);
              match_attention(model_);
            },
            [this] { return select_parameters(model_, false, true, true, false); },
            [this, accuracy](std::int64_t first, bool report) {
              const auto pictures = draw_pictures(options_.seed, "alignment", first, options_.alignment.batch);
              const auto features = frozen_features(pictures.pixels);
              const trainer::BFloat16Products products(options_.bfloat16, model_->device());
              return alignment_loss(model_->project(features), model_->decoder()->embed_tokens->weight, pictures.scenes,
                                    report ? accuracy.get() : nullptr);
            },
            [accuracy] { return fmt::format("patch words {:.1f} %", 100 * *accuracy); }};
  }

  Stage facts_stage(const std::string& name, const StageOptions& stage, const PackingOptions& packing) {
    auto tally = std::make_shared<FactTally>();
    return {name,
            stage,
            [this, name] {
              // The head starts as the table that the alignment learned, so that attended tokens can be output at once.
              torch::NoGradGuard no_grad;
              if (name == "facts_plain") model_->lm_head()->weight.copy_(model_->decoder()->embed_tokens->weight);
            },
            [this] { return select_parameters(model_, false, true, true, true); },
            [this, tally, name, stage, packing](std::int64_t first, bool) {
              const auto pictures = draw_pictures(options_.seed, name, first, stage.batch);
              const auto batch = draw_facts(pictures.scenes, options_.seed, name, first, packing);
              const auto features = frozen_features(pictures.pixels);
              const auto logits = packed_logits(features, batch);
              tally->add(batch, logits.detach());
              return torch::cross_entropy_loss(logits, batch.targets);
            },
            [tally] { return tally->report(); }};
  }

  torch::Tensor packed_logits(const torch::Tensor& features, const PackedBatch& batch) {
    const trainer::BFloat16Products products(options_.bfloat16, model_->device());
    return fact_logits(model_, features, batch);
  }

  torch::Tensor frozen_features(const torch::Tensor& pixels) {
    torch::NoGradGuard no_grad;
    const trainer::BFloat16Products products(options_.bfloat16, model_->device());
    return model_->encode_images(pixels).to(torch::kFloat);
  }

  /// float [n * 36, d] of pictures that no stage uses.
  torch::Tensor sample_features() {
    std::vector<torch::Tensor> parts;
    for (std::int64_t first = 0; first < options_.whitening_images; first += 64) {
      const auto count = std::min<std::int64_t>(64, options_.whitening_images - first);
      parts.push_back(frozen_features(draw_pictures(options_.seed, "whitening", first, count).pixels).flatten(0, 1));
    }
    return torch::cat(parts);
  }

  bool run_stage(std::int64_t index, const std::optional<trainer::SavedState>& state) {
    auto& stage = stages_[static_cast<std::size_t>(index)];
    const std::int64_t steps = stage.options.steps(), batch = stage.options.batch;
    std::int64_t step = state ? state->position("step", steps) : 0;
    if (step == 0) stage.prepare();
    auto optimizer = make_optimizer(stage.parameters(), stage.options.weight_decay);
    if (step > 0) state->copy_into(optimizer.state(), "optimizer.");
    Progress progress("pre-training: " + stage.name, "images", steps * batch, step * batch);
    double total = 0;
    std::int64_t counted = 0;
    while (step < steps) {
      const bool report = (step + 1) % kStepsAReport == 0 || step + 1 == steps;
      const auto loss = stage.loss(step * batch, report);
      loss.backward();
      optimizer.clip(1.0, 0.0);
      optimizer.step(learning_rate(stage.options, step));
      total += check_loss(loss.item<double>(), stage.name, step);
      ++counted;
      ++step;
      progress.note(fmt::format("loss {:.3f}", total / static_cast<double>(counted)));
      progress.advance(batch);
      if (report) {
        log_info("{} step {}/{}: loss {:.4f}; {}", stage.name, step, steps, total / static_cast<double>(counted),
                 stage.report());
        total = 0;
        counted = 0;
      }
      const bool out_of_budget = budget_ > 0 && --budget_ == 0;
      if (step < steps && (out_of_budget || step % options_.checkpoint_every == 0)) save(index, step, &optimizer);
      if (step == steps) save(index + 1, 0, nullptr);
      if (out_of_budget) return false;
    }
    return true;
  }

  double check_loss(double loss, const std::string& stage, std::int64_t step) {
    if (std::isfinite(loss)) return loss;
    throw UserError(ErrorKind::kDiverged,
                    fmt::format("the loss of stage {} is not a finite number at step {}", stage, step + 1),
                    fmt::format("Lower {}.lr and start again.", stage));
  }

  /// All weights, heads included.
  NamedTensors weights() {
    NamedTensors all;
    for (auto& item : model_->named_parameters()) all.emplace_back("weights." + item.key(), item.value());
    for (auto& item : heads_->named_parameters()) all.emplace_back("heads." + item.key(), item.value());
    return all;
  }

  void save(std::int64_t stage, std::int64_t step, const trainer::AdamW* optimizer) {
    auto tensors = weights();
    if (optimizer) {
      for (const auto& [name, tensor] : optimizer->state()) tensors.emplace_back("optimizer." + name, tensor);
    }
    trainer::save_state(state_file(folder_), {{"stage", stage}, {"step", step}}, tensors, tree_);
  }

  void restore_weights(const trainer::SavedState& state) {
    state.copy_into(weights(), "");
    log_info("continuing at {}", state_file(folder_).string());
  }

  /// The folder's files, and the probes of the weights as they are stored.
  void finish() {
    vlm::save_llava(folder_, model_, torch::kBFloat16);
    write_processor_files(folder_);
    vlm::LlavaModel stored = vlm::load_llava(folder_);
    const auto scores = evaluate_probes(stored, {options_.seed, options_.probes_each});
    const auto table = probes_table(scores);
    std::int64_t parameters = 0;
    for (const auto& tensor : stored->parameters()) parameters += tensor.numel();
    write_model_card(folder_, options_, probes_json(scores), table, parameters);
    std::filesystem::remove(state_file(folder_));
    log_info("wrote {}\n{}", folder_.string(), table);
  }

  std::filesystem::path folder_;
  PretrainOptions options_;
  nlohmann::json tree_;
  vlm::LlavaModel model_;
  LabelHeads heads_;
  std::vector<Stage> stages_;
  std::int64_t budget_ = 0;
};

}  // namespace

std::filesystem::path state_file(const std::filesystem::path& folder) { return folder / "pretrain-state.safetensors"; }

bool pretrain_mini_vlm(const std::filesystem::path& folder, const PretrainOptions& options,
                       std::int64_t stop_after_steps) {
  ensure_folder(folder);
  return Pretraining(folder, options).run(stop_after_steps);
}

}  // namespace scalselect::pretrain
