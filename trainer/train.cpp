#include "trainer/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/rng.h"
#include "trainer/adamw.h"
#include "trainer/batches.h"
#include "trainer/bfloat16.h"
#include "trainer/checkpoint.h"
#include "trainer/loss.h"
#include "trainer/schedule.h"
#include "vlm/sample_threads.h"

namespace scalselect::trainer {
namespace {

constexpr std::int64_t kBFloat16Alignment = 64;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// History as it is stored: one row per step; wall times are left out, since they differ in every run.
torch::Tensor pack_history(const std::vector<StepRecord>& history) {
  auto table = torch::empty({static_cast<std::int64_t>(history.size()), 7}, torch::kFloat64);
  auto* cell = table.data_ptr<double>();
  for (const auto& r : history) {
    for (const double value : {static_cast<double>(r.step), r.epoch, r.loss, r.learning_rate, r.grad_norm,
                               static_cast<double>(r.tokens), static_cast<double>(r.supervised)}) {
      *cell++ = value;
    }
  }
  return table;
}

std::vector<StepRecord> unpack_history(const torch::Tensor& table) {
  std::vector<StepRecord> history(table.size(0));
  const auto* cell = table.data_ptr<double>();
  for (auto& r : history) {
    r.step = static_cast<std::int64_t>(cell[0]), r.epoch = cell[1], r.loss = cell[2];
    r.learning_rate = cell[3], r.grad_norm = cell[4];
    r.tokens = static_cast<std::int64_t>(cell[5]), r.supervised = static_cast<std::int64_t>(cell[6]);
    cell += 7;
  }
  return history;
}

/// Options that change the result, and the data.
nlohmann::json identity(const TrainOptions& options, const TrainingSet& set) {
  nlohmann::json tree = dump_options(options);
  for (const char* key : kWithoutEffect) tree.erase(key);
  if (options.quantization == Quantization::kNone) tree.erase("quantization");  // as before there was a choice
  return {{"options", tree}, {"data", set.digest()}};
}

/// The generator for dropout on that device.
at::Generator generator(torch::Device device) { return at::globalContext().defaultGenerator(device); }

class Trainer {
 public:
  Trainer(vlm::Vlm model, const TrainingSet& set, ImageFeatures& features, const TrainOptions& options,
          const std::filesystem::path& folder, TrainingGroup* group)
      : model_(model),
        set_(set),
        features_(features),
        options_(options),
        folder_(folder),
        group_(group),
        stream_(set.lengths(), {options.batch_size, options.group_by_length, options.seed}),
        total_(total_steps(options, static_cast<std::int64_t>(set.samples.size()))),
        warmup_(warmup_steps(options.warmup_ratio, total_)) {
    check_shards(options.shards, group == nullptr ? 1 : group->size());
    torch::manual_seed(static_cast<std::uint64_t>(options.seed));
    choose_parameters();
    if (!folder_.empty() || group_ != nullptr) identity_ = identity(options, set);  // hashes the whole set
    if (!folder_.empty()) resume();
    if (options.shards > 1) shards_.emplace(optimizer_->parameters());
    agree();
  }

  TrainResult run(const TrainCallbacks& callbacks) {
    const auto begin = std::chrono::steady_clock::now();
    const vlm::OperatorThreads threads(options_.threads);
    std::unique_ptr<Progress> progress;
    if (callbacks.progress) progress = std::make_unique<Progress>("training", "steps", total_, step_);
    model_->train();
    while (step_ < total_) {
      const auto record = advance();
      if (progress) {
        progress->note(fmt::format("loss {:.4f}", record.loss));
        progress->advance();
      }
      if (callbacks.on_epoch && stream_.at_end()) callbacks.on_epoch(stream_.epoch() + 1, optimizer_->state());
      const bool last = step_ == total_;
      const bool due = options_.checkpoint_every > 0 && step_ % options_.checkpoint_every == 0;
      if (!folder_.empty() && leads() && (last || due)) save();
      if (callbacks.on_step) callbacks.on_step(record);
    }
    return finish(seconds_since(begin));
  }

 private:
  /// Attaches the adapter and decides which parameters are trained, at which rate.
  void choose_parameters() {
    const auto spec = adapter_spec(options_, model_);
    for (auto& parameter : model_->parameters()) parameter.requires_grad_(false);
    std::vector<std::string> trained;
    for (const auto& name : vlm::attach_adapter(model_, spec)) {
      trained.push_back(name + ".lora_A");
      trained.push_back(name + ".lora_B");
    }
    const auto full = vlm::saved_parameters(model_, spec);
    trained.insert(trained.end(), full.begin(), full.end());
    if (trained.empty()) {
      throw UserError(ErrorKind::kUsage, "there is nothing to train: lora.r is 0 and no module is trained in full",
                      "Set lora.r, train_projector, train_embeddings or train_head.");
    }
    const auto projector_lr = options_.projector_lr.value_or(options_.learning_rate);
    ParameterGroup groups[2][2];  // [projector?][decayed?]
    auto parameters = model_->named_parameters();
    for (const auto& name : trained) {
      auto& tensor = parameters[name];
      if (tensor.scalar_type() != torch::kFloat32) tensor.set_data(tensor.to(torch::kFloat32));
      tensor.requires_grad_(true);
      const bool projector = name.find(model_->projector_module() + ".") != std::string::npos;
      const bool decayed = tensor.dim() >= 2;
      auto& group = groups[projector][decayed];
      group.learning_rate = projector ? projector_lr : options_.learning_rate;
      group.weight_decay = decayed ? options_.weight_decay : 0.0;
      group.parameters.emplace_back(name, tensor);
    }
    if (options_.quantization == Quantization::kNf4) quantise_frozen_weights(model_->decoder());
    else if (options_.dtype == ComputeType::kBFloat16) round_frozen_weights(model_->decoder());
    optimizer_ =
        std::make_unique<AdamW>(std::vector<ParameterGroup>{groups[0][1], groups[0][0], groups[1][1], groups[1][0]},
                                options_.beta1, options_.beta2, options_.eps);
  }

  bool leads() const { return group_ == nullptr || group_->rank() == 0; }

  /// Processes with other data or options, or that resume from another checkpoint, would train in silence on nonsense.
  void agree() const {
    if (group_ == nullptr) return;
    const auto known = sha256_json(identity_);
    const auto digest = static_cast<double>(std::stoul(known.substr(0, 8), nullptr, 16));
    auto sums = torch::tensor({static_cast<double>(step_), digest}, torch::kFloat64);
    group_->add_up(sums);
    const auto* sum = sums.const_data_ptr<double>();
    if (sum[0] == group_->size() * static_cast<double>(step_) && sum[1] == group_->size() * digest) return;
    throw UserError(ErrorKind::kInput,
                    "The processes of the training do not have the same data, options and checkpoint.",
                    "They must see the same pool, model and cache folder.");
  }

  /// Forward and backward over the batches of one step, then the update.
  StepRecord advance() {
    const auto begin = std::chrono::steady_clock::now();
    StepRecord record;
    const auto batches = stream_.next(options_.accumulation);
    for (const auto& batch : batches) {
      for (const auto index : batch) {
        record.tokens += set_.samples[index].length();
        record.supervised += set_.samples[index].targets();
      }
    }
    double loss = 0;
    if (shards_) loss = add_shards(batches, record.supervised);
    else
      for (const auto& batch : batches) loss += backward(batch, record.supervised);
    record.step = step_ + 1;
    record.loss = loss / static_cast<double>(record.supervised);
    record.grad_norm = optimizer_->clip(options_.max_grad_norm);
    check_finite(record);
    const auto factor = schedule_factor(options_.schedule, step_, warmup_, total_);
    record.learning_rate = options_.learning_rate * factor;
    optimizer_->step(factor);
    record.epoch = epochs_done();
    record.seconds = seconds_since(begin);
    history_.push_back(record);
    ++step_;
    return record;
  }

  /// The gradient of all batches, of which this process computes its shards; returns the sum of the loss.
  double add_shards(const std::vector<std::vector<std::int64_t>>& batches, std::int64_t targets) {
    const int processes = group_ == nullptr ? 1 : group_->size(), rank = group_ == nullptr ? 0 : group_->rank();
    const int each = options_.shards / processes;
    PairwiseSum gradients, losses;
    for (int shard = rank * each; shard < (rank + 1) * each; ++shard) {
      if (options_.lora.dropout > 0) {
        torch::manual_seed(
            Rng(static_cast<std::uint64_t>(options_.seed), fmt::format("trainer/step-{}/shard-{}", step_, shard))
                .bits());
      }
      shards_->clear();
      double loss = 0;
      for (const auto& batch : batches) {
        const auto mine = shard_of(batch, shard, options_.shards);
        if (!mine.empty()) loss += backward(mine, targets);
      }
      gradients.add(shards_->copy());
      losses.add(torch::full({1}, loss, torch::kFloat64));
    }
    auto gradient = gradients.take(), loss = losses.take();
    if (group_ != nullptr) {
      group_->add_up(gradient);
      group_->add_up(loss);
    }
    shards_->set(gradient);
    return loss.item<double>();
  }

  /// Adds the gradient of (sum over the samples) / targets; returns the sum.
  double backward(std::span<const std::int64_t> indices, std::int64_t targets) {
    const auto pad = model_->text().pad_token_id.value_or(0);
    const auto align = options_.dtype == ComputeType::kBFloat16 ? kBFloat16Alignment : 1;
    auto batch = collate(set_, indices, pad == model_->image_token_id() ? 0 : pad, align);
    batch.to(model_->device());
    vlm::TowerOutput tower;
    if (!batch.images.empty()) tower = vlm::to_device(features_.fetch(batch.images), model_->device());
    torch::Tensor sum;
    {
      const BFloat16Products products(options_.dtype == ComputeType::kBFloat16, model_->device());
      sum = loss_sum(model_, batch, tower, {options_.gradient_checkpointing, options_.lora.dropout > 0});
    }
    (sum / static_cast<double>(targets)).backward();
    return sum.item<double>();
  }

  void check_finite(const StepRecord& record) const {
    if (std::isfinite(record.loss) && std::isfinite(record.grad_norm)) return;
    const auto what = std::isfinite(record.loss)
                          ? fmt::format("gradient norm of step {} is {}", record.step, record.grad_norm)
                          : fmt::format("loss of step {} is {}", record.step, record.loss);
    const auto kept = saved_step_ > 0 ? fmt::format("; the checkpoint of step {} is kept", saved_step_) : "";
    throw UserError(ErrorKind::kDiverged, "training diverged: the " + what + kept,
                    fmt::format("Lower learning_rate (now {}), raise warmup_ratio (now {}) or lower max_grad_norm.",
                                options_.learning_rate, options_.warmup_ratio));
  }

  double epochs_done() const {
    const auto batches = (set_.samples.size() + options_.batch_size - 1) / options_.batch_size;
    return static_cast<double>(stream_.epoch()) + static_cast<double>(stream_.batch()) / static_cast<double>(batches);
  }

  void save() {
    NamedTensors tensors;
    for (const auto& [name, tensor] : optimizer_->parameters())
      tensors.emplace_back("weights." + name, tensor.detach());
    for (const auto& [name, tensor] : optimizer_->state()) tensors.emplace_back("optimizer." + name, tensor);
    tensors.emplace_back("random", generator(torch::kCPU).get_state());
    if (model_->device().is_cuda()) tensors.emplace_back("random.cuda", generator(model_->device()).get_state());
    tensors.emplace_back("history", pack_history(history_));
    save_state(state_file(folder_), {{"step", step_}, {"epoch", stream_.epoch()}, {"batch", stream_.batch()}}, tensors,
               identity_);
    saved_step_ = step_;
  }

  void resume() {
    const auto state = SavedState::open(state_file(folder_), identity_);
    if (!state) return;
    const auto step = state->position("step", total_);
    state->copy_into(optimizer_->parameters(), "weights.");
    state->copy_into(optimizer_->state(), "optimizer.");
    history_.resize(static_cast<std::size_t>(step));
    history_ = unpack_history(state->tensor("history", pack_history(history_)));
    stream_.seek(state->position("epoch", total_), 0);
    stream_.seek(stream_.epoch(), state->position("batch", stream_.batches()));
    const auto restore = [&](const char* name, torch::Device device) {
      auto own = generator(device);
      own.set_state(state->tensor(name, own.get_state()));
    };
    restore("random", torch::kCPU);
    if (model_->device().is_cuda() && state->has("random.cuda")) restore("random.cuda", model_->device());
    step_ = resumed_from_ = saved_step_ = step;
    log_info("training resumes at step {} of {}", step_, total_);
  }

  TrainResult finish(double seconds) {
    TrainResult result;
    for (auto [name, tensor] : optimizer_->parameters()) {
      result.trained.push_back(name);
      result.trained_parameters += tensor.numel();
      tensor.mutable_grad().reset();
      tensor.requires_grad_(false);
    }
    model_->eval();
    result.steps = step_;
    result.resumed_from = resumed_from_;
    result.seconds = seconds;
    const auto tail = std::max<std::size_t>(1, history_.size() / 10);
    for (std::size_t i = history_.size() - std::min(tail, history_.size()); i < history_.size(); ++i) {
      result.final_loss += history_[i].loss / static_cast<double>(tail);
    }
    result.history = std::move(history_);
    return result;
  }

  vlm::Vlm model_;
  const TrainingSet& set_;
  ImageFeatures& features_;
  const TrainOptions& options_;
  std::filesystem::path folder_;
  TrainingGroup* group_;
  BatchStream stream_;
  std::int64_t total_, warmup_, step_ = 0, resumed_from_ = 0, saved_step_ = 0;
  nlohmann::json identity_;
  std::unique_ptr<AdamW> optimizer_;
  std::optional<FlatGradients> shards_;  ///< set where a step is cut into shards
  std::vector<StepRecord> history_;
};

}  // namespace

std::int64_t total_steps(const TrainOptions& options, std::int64_t samples) {
  if (options.max_steps) return *options.max_steps;
  const auto per_epoch = steps_per_epoch(samples, options.batch_size, options.accumulation);
  return static_cast<std::int64_t>(std::ceil(options.epochs * static_cast<double>(per_epoch)));
}

vlm::AdapterSpec adapter_spec(const TrainOptions& options, const vlm::Vlm& model, const std::string& base_model_path) {
  vlm::AdapterSpec spec;
  spec.r = options.lora.r;
  spec.alpha = options.lora.alpha;
  spec.dropout = options.lora.dropout;
  spec.use_rslora = options.lora.use_rslora;
  spec.target_modules = options.lora.target_modules;
  spec.target_pattern = options.lora.target_pattern;
  spec.exclude_pattern = model->frozen_pattern();
  spec.base_model = base_model_path;
  const bool tied = model->text().tie_word_embeddings;
  if (options.train_projector) spec.modules_to_save.push_back(model->projector_module());
  if (options.train_embeddings || (options.train_head && tied)) spec.modules_to_save.push_back("embed_tokens");
  if (options.train_head && !tied) spec.modules_to_save.push_back("lm_head");
  return spec;
}

TrainResult train(vlm::Vlm model, const TrainingSet& set, ImageFeatures& features, const TrainOptions& options,
                  const TrainCallbacks& callbacks, const std::filesystem::path& checkpoint_folder,
                  TrainingGroup* group) {
  return Trainer(model, set, features, options, checkpoint_folder, group).run(callbacks);
}

}  // namespace scalselect::trainer
