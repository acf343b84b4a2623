// LLaMA-Factory, read in and compared with release 0.9.5: data/converter.py, data/template.py, data/mm_plugin.py,
// data/processor/supervised.py.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/files.h"
#include "experiments/handover/files.h"
#include "experiments/handover/registry.h"
#include "experiments/handover/text.h"

namespace scalselect::handover {
namespace {

constexpr std::int64_t kMostPixels = 768 * 768, kLeastPixels = 32 * 32;  // image_max_pixels, image_min_pixels

/// A template's strings. Each is tokenised by itself, together with what it encloses.
struct Slots {
  const char *system_before, *system_after, *user_before, *user_after, *answer_after;
  bool eos;  ///< the tokenizer's end of sequence follows each answer
};
constexpr Slots kVicuna{"", "", "USER: ", " ASSISTANT:", "", true};
constexpr Slots kChatMl{"<|im_start|>system\n", "<|im_end|>\n",
                        "<|im_start|>user\n",   "<|im_end|>\n<|im_start|>assistant\n",
                        "<|im_end|>\n",         false};

const Slots& slots_of(const Template& layout) { return layout.name == "llava" ? kVicuna : kChatMl; }

/// The messages without the system prompt, which is read apart.
std::span<const Turn> messages(const Row& row) {
  const bool system = !row.turns.empty() && row.turns.front().role == Role::kSystem;
  return std::span(row.turns).subspan(system ? 1 : 0);
}

std::string refuse(const Row& row, const Template& /*layout*/) {
  const auto turns = messages(row);
  if (turns.empty()) return "no message but a system prompt";
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i].role != (i % 2 == 0 ? Role::kUser : Role::kAssistant)) {
      return "user and assistant do not take turns, user first: LLaMA-Factory deletes the row";
    }
  }
  if (turns.size() % 2 != 0) return "the last message has no answer: LLaMA-Factory deletes the row";
  const auto tags = [&](std::string_view tag) {
    std::int64_t hits = 0;
    for (const auto& turn : turns) hits += count(turn.text, tag);
    return hits;
  };
  if (const auto found = tags(kImageTag); found != row.images) {
    return fmt::format("{} tags <image> for {} pictures: LLaMA-Factory stops", found, row.images);
  }
  for (const char* tag : {"<video>", "<audio>"}) {
    if (tags(tag) > 0) return fmt::format("the text has the tag {}: LLaMA-Factory stops", tag);
  }
  return {};
}

using Ids = std::vector<std::int64_t>;

void append(Ids& to, const Ids& ids) { to.insert(to.end(), ids.begin(), ids.end()); }

/// Lengths of a question and its answer that together fit into `room` (infer_seqlen).
std::pair<std::int64_t, std::int64_t> fitted(std::int64_t source, std::int64_t target, std::int64_t room) {
  std::int64_t most = room;
  if (target * 2 >= room) {
    most = source * 2 < room
               ? room - source
               : static_cast<std::int64_t>(static_cast<double>(room) *
                                           (static_cast<double>(target) / static_cast<double>(source + target)));
  }
  const auto kept = std::min(most, target);
  return {std::min(std::max<std::int64_t>(room - kept, 0), source), kept};
}

Rendering render(const Row& row, const Template& layout, const Settings& settings, const TextTokenizer& tokenizer,
                 std::span<const std::int64_t> image_tokens) {
  Rendering out;
  out.left_out = refuse(row, layout);
  if (!out.left_out.empty()) return out;
  const auto& slots = slots_of(layout);
  const auto turns = messages(row);
  std::size_t image = 0;
  const auto with_pictures = [&](const std::string& text) {
    const auto parts = split(text, kImageTag);
    std::string whole = parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) {
      whole +=
          layout.image_before + repeated(layout.image_token, image_tokens[image++]) + layout.image_after + parts[i];
    }
    return whole;
  };
  const auto encode = [&](const std::string& text) { return text.empty() ? Ids{} : tokenizer.encode(text, false); };
  std::string system = turns.data() == row.turns.data() ? "" : row.turns.front().text;
  if (system.empty()) system = settings.system.value_or(layout.default_system);
  Ids first;
  if (!system.empty()) first = encode(slots.system_before + system + slots.system_after);
  std::int64_t room = settings.max_length;
  for (std::size_t i = 0; i < turns.size(); i += 2) {
    Ids source = i == 0 ? first : Ids{};
    append(source, encode(slots.user_before + with_pictures(turns[i].text) + slots.user_after));
    Ids target = encode(with_pictures(turns[i + 1].text) + slots.answer_after);
    if (slots.eos && tokenizer.eos()) target.push_back(*tokenizer.eos());
    out.whole += std::ssize(source) + std::ssize(target);
    if (room <= 0) continue;
    const auto [kept_source, kept_target] = fitted(std::ssize(source), std::ssize(target), room);
    room -= kept_source + kept_target;
    source.resize(static_cast<std::size_t>(kept_source));
    target.resize(static_cast<std::size_t>(kept_target));
    append(out.ids, source);
    out.targets.resize(out.ids.size(), 0);
    append(out.ids, target);
    out.targets.resize(out.ids.size(), 1);
  }
  return out;
}

/// Pictures are brought within bounds of LLaMA-Factory's own before the model's processor sees them.
std::int64_t image_tokens(const Extent& picture, const PictureRule& rule) {
  Extent size = picture;
  const auto area = [&] { return static_cast<double>(size.width * size.height); };
  const auto scale = [&](std::int64_t pixels) {
    const double factor = std::sqrt(static_cast<double>(pixels) / area());
    size = {static_cast<std::int64_t>(static_cast<double>(size.width) * factor),
            static_cast<std::int64_t>(static_cast<double>(size.height) * factor)};
  };
  if (size.width * size.height > kMostPixels) scale(kMostPixels);
  if (size.width * size.height < kLeastPixels) scale(kLeastPixels);
  if (std::min(size.width, size.height) < 28)
    size = {std::max<std::int64_t>(size.width, 28), std::max<std::int64_t>(size.height, 28)};
  if (size.width > 200 * size.height) size.width = size.height * 180;
  if (size.height > 200 * size.width) size.height = size.width * 180;
  const auto seen = rule.resize(size, rule.factor, rule.folder);
  return (seen.width / rule.factor) * (seen.height / rule.factor);
}

nlohmann::ordered_json entry_of(const std::string& file, const Columns& columns) {
  nlohmann::ordered_json entry = {{"file_name", file}, {"formatting", "sharegpt"}};
  auto& names = entry["columns"] = {{"messages", columns.list}};
  if (!columns.images.empty()) names["images"] = columns.images;
  if (!columns.system.empty()) names["system"] = columns.system;
  entry["tags"] = {{"role_tag", columns.role},
                   {"content_tag", columns.text},
                   {"user_tag", columns.user},
                   {"assistant_tag", columns.assistant},
                   {"system_tag", "system"}};
  return entry;
}

std::string settings_file(const Plan& plan, const std::string& dataset) {
  const auto& recipe = plan.job.recipe;
  auto text = command_comment("llamafactory-cli train " + shell_word(whole_path(plan.folder / "train.yaml")));
  text += fmt::format("model_name_or_path: {}{}\n", yaml_text(model_name(plan.job, "MODEL")),
                      plan.job.model ? "" : "  # a folder or a name on the hub");
  text += fmt::format("image_max_pixels: {}\nimage_min_pixels: {}\n\n", kMostPixels, kLeastPixels);
  text += fmt::format(
      "stage: sft\ndo_train: true\nfinetuning_type: lora\nlora_rank: {}\nlora_alpha: {:.0f}\nlora_dropout: {}\n"
      "lora_target: all\n",
      recipe.lora.r, recipe.lora.alpha, recipe.lora.dropout);
  if (recipe.train_projector && plan.layout.architecture == "llava") {
    text += "# additional_target: multi_modal_projector  # our recipe trains the projector, too\n";
  }
  text +=
      fmt::format("\ndataset_dir: {}\ndataset: {}\nmedia_dir: {}\ntemplate: {}{}\ncutoff_len: {}\n",
                  yaml_text(whole_path(plan.folder)), yaml_text(dataset), yaml_text(whole_path(plan.job.image_root)),
                  plan.layout.name, plan.known_model ? "" : "  # the template of your model", recipe.max_length);
  if (!plan.layout.default_system.empty()) {
    text += "# default_system: \"\"  # no system prompt where the rows bring none; unset: the template's own\n";
  }
  text += fmt::format(
      "\noutput_dir: {}\nper_device_train_batch_size: {}\ngradient_accumulation_steps: {}\nlearning_rate: {}\n"
      "num_train_epochs: {}\nlr_scheduler_type: {}\nwarmup_ratio: {}\nweight_decay: {}\nmax_grad_norm: {}\nbf16: {}\n"
      "seed: {}\nlogging_steps: 10\nsave_strategy: epoch\nreport_to: none\n",
      yaml_text(whole_path(plan.folder / "adapter")), recipe.batch_size, recipe.accumulation,
      number(recipe.learning_rate), number(recipe.epochs), schedule_name(recipe.schedule), number(recipe.warmup_ratio),
      number(recipe.weight_decay), number(recipe.max_grad_norm),
      recipe.dtype == trainer::ComputeType::kBFloat16 ? "true" : "false", recipe.seed);
  return text;
}

Written write(const Plan& plan) {
  Written written{plan.folder, plan.job.subset, std::ssize(plan.rows.rows), {}, {}};
  auto [columns, why_not] = as_it_stands(plan.job, plan.rows);
  if (!why_not.empty()) {
    written.anew = why_not;
    written.data = plan.folder / "rows.jsonl";
    write_rows(plan, written.data, /*array=*/false, messages_of);
    columns = {"messages", "role", "content", "user", "assistant", "images", ""};
  }
  auto dataset = plan.job.subset.stem().string();  // names in `dataset` are separated by commas
  std::replace_if(
      dataset.begin(), dataset.end(), [](char c) { return c == ',' || c == ' '; }, '_');
  const std::string file = written.anew.empty() ? whole_path(written.data) : written.data.filename().string();
  const nlohmann::ordered_json info = {{dataset, entry_of(file, columns)}};
  write_file_atomically(plan.folder / "dataset_info.json", info.dump(2) + "\n");
  write_file_atomically(plan.folder / "train.yaml", settings_file(plan, dataset));
  written.command = "llamafactory-cli train " + shell_word(whole_path(plan.folder / "train.yaml"));
  return written;
}

}  // namespace

Trainer llamafactory() {
  Trainer trainer;
  trainer.name = "llamafactory";
  trainer.title = "LLaMA-Factory";
  trainer.version = "0.9.5";
  trainer.limit_key = "cutoff_len";
  trainer.system_key = "default_system: \"\" in train.yaml";
  const auto qwen = [](const char* architecture, const char* name, const char* system, std::int64_t factor) {
    return Template{architecture, name, "", system, "<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "", factor};
  };
  trainer.templates = {{"llava", "llava", "", kVicunaSystem, "<image>", "", "", "\n", 0},
                       qwen("qwen2_5_vl", "qwen2_vl", "You are a helpful assistant.", 28),
                       qwen("qwen3_vl", "qwen3_vl_nothink", "", 32)};
  trainer.refuse = refuse;
  trainer.render = render;
  trainer.image_tokens = image_tokens;
  trainer.write = write;
  return trainer;
}

}  // namespace scalselect::handover
