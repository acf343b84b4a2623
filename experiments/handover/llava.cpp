// LLaVA's own training code, read in and compared with commit c121f04: llava/train/train.py (preprocess_multimodal,
// preprocess_v1, LazySupervisedDataset, the collator), mm_utils.py, model/llava_arch.py.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "core/files.h"
#include "experiments/handover/files.h"
#include "experiments/handover/registry.h"
#include "experiments/handover/text.h"

namespace scalselect::handover {
namespace {

constexpr std::string_view kHeader = "ASSISTANT: ", kEnd = "</s>";
constexpr std::int64_t kPicture = -200;  // IMAGE_TOKEN_INDEX

/// The messages from the first user message on: one of the assistant before it is not read.
std::span<const Turn> messages(const Row& row) {
  const bool late = !row.turns.empty() && row.turns.front().role == Role::kAssistant;
  return std::span(row.turns).subspan(late ? 1 : 0);
}

std::string refuse(const Row& row, const Template& /*layout*/) {
  if (row.images > 1) return fmt::format("{} pictures: LLaVA's train.py opens one and stops", row.images);
  const bool system =
      std::any_of(row.turns.begin(), row.turns.end(), [](const Turn& t) { return t.role == Role::kSystem; });
  if (system) return "a system message: LLaVA's train.py knows human and gpt alone, and stops";
  const auto turns = messages(row);
  std::int64_t tagged = 0;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i].role != (i % 2 == 0 ? Role::kUser : Role::kAssistant)) {
      return "human and gpt do not take turns: LLaVA's train.py stops";
    }
    tagged += turns[i].text.find(kImageTag) == std::string::npos ? 0 : 1;
  }
  if (row.images > 0 && tagged > 1) return "tags <image> in several messages: LLaVA's train.py stops in the model";
  return {};
}

/// conversation.py, conv_vicuna_v1, over messages whose tags have been put in front.
std::string prompt_of(const Row& row, const Template& layout, const Settings& settings) {
  std::string text = settings.system.value_or(layout.default_system) + " ";
  for (const auto& turn : messages(row)) {
    std::string part = turn.text;
    if (row.images > 0 && part.find(kImageTag) != std::string::npos) {
      const auto bare = replaced(part, kImageTag, "");
      part = std::string(kImageTag) + "\n" + std::string(strip(bare));
      part = std::string(strip(part));
    }
    const bool user = turn.role == Role::kUser;
    text += user ? "USER:" : "ASSISTANT:";
    if (!part.empty()) text += " " + part + (user ? " " : std::string(kEnd));
  }
  return text;
}

/// tokenizer_image_token: the text between tags, tokenised by itself, without the BOS of each but the first.
std::vector<std::int64_t> with_picture(const std::string& text, const TextTokenizer& tokenizer) {
  std::vector<std::int64_t> ids;
  std::size_t skip = 0;
  const auto parts = split(text, kImageTag);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = tokenizer.encode(parts[i], true);
    if (i == 0 && !part.empty() && tokenizer.bos() == part.front()) {
      skip = 1;
      ids.push_back(part.front());
    }
    if (i > 0) ids.push_back(kPicture);
    ids.insert(ids.end(), part.begin() + static_cast<std::ptrdiff_t>(std::min(skip, part.size())), part.end());
  }
  return ids;
}

/// Targets by preprocess_v1: each round is tokenised again, and lengths are added up; if they miss the whole sample's,
/// nothing is learnt. Returns why, or nothing.
std::string mark(const std::string& prompt, const std::vector<std::int64_t>& ids, const Settings& settings,
                 const TextTokenizer& tokenizer, bool picture, std::vector<std::uint8_t>& targets) {
  const auto length = [&](const std::string& text) {
    return std::ssize(picture ? with_picture(text, tokenizer) : tokenizer.encode(text, true));
  };
  targets.assign(ids.size(), 1);
  const auto clear = [&](std::int64_t begin, std::int64_t end) {
    const auto size = std::ssize(targets);
    begin = std::clamp<std::int64_t>(begin, 0, size);
    end = std::clamp<std::int64_t>(end, begin, size);
    std::fill(targets.begin() + begin, targets.begin() + end, 0);
  };
  const auto total = std::count_if(ids.begin(), ids.end(), [&](std::int64_t id) { return tokenizer.unk() != id; });
  const auto rounds = split(prompt, kEnd);
  const std::string separator = " " + std::string(kHeader);
  std::int64_t at = 1;
  clear(0, 1);
  for (std::size_t i = 0; i < rounds.size() && !rounds[i].empty(); ++i) {
    const auto parts = split(rounds[i], separator);
    if (parts.size() != 2) break;
    auto whole = length(rounds[i]), asked = length(parts[0] + separator) - 2;
    if (i != 0 && !tokenizer.legacy()) {
      --whole;
      --asked;
    }
    clear(at, at + asked);
    at += whole;
  }
  clear(at, std::ssize(ids));
  if (at >= settings.max_length || at == total) return {};
  clear(0, std::ssize(ids));
  return fmt::format("LLaVA counts {} tokens where there are {} ('tokenization mismatch') and learns nothing from it",
                     at, total);
}

Rendering render(const Row& row, const Template& layout, const Settings& settings, const TextTokenizer& tokenizer,
                 std::span<const std::int64_t> image_tokens) {
  Rendering out;
  out.left_out = refuse(row, layout);
  if (!out.left_out.empty()) return out;
  const bool picture = row.images > 0;
  const auto prompt = prompt_of(row, layout, settings);
  auto ids = picture ? with_picture(prompt, tokenizer) : tokenizer.encode(prompt, true);
  const auto limit = static_cast<std::size_t>(settings.max_length);
  out.whole = std::ssize(ids);
  if (!picture && ids.size() > limit) ids.resize(limit);  // the tokenizer's own truncation
  std::vector<std::uint8_t> targets;
  out.masked = mark(prompt, ids, settings, tokenizer, picture, targets);
  if (ids.size() > limit) ids.resize(limit);  // the collator's
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (tokenizer.unk() == ids[i]) continue;  // padding has the same id, and is removed
    const bool visual = ids[i] == kPicture;
    const auto times = visual ? static_cast<std::size_t>(image_tokens[0]) : 1;
    out.ids.insert(out.ids.end(), times, visual ? tokenizer.id(layout.image_token).value_or(kPicture) : ids[i]);
    out.targets.insert(out.targets.end(), times, visual ? 0 : targets[i]);
  }
  if (picture) out.whole += image_tokens[0] - 1;
  if (out.ids.size() > limit) {  // llava_arch.py
    out.ids.resize(limit);
    out.targets.resize(limit);
  }
  return out;
}

nlohmann::ordered_json conversations_of(const Row& row, const Sample& sample, const Job& job) {
  nlohmann::ordered_json out = {{"id", sample.id}};
  if (!sample.images.empty()) out["image"] = picture_path(sample.images.front(), job);
  auto& list = out["conversations"] = nlohmann::ordered_json::array();
  for (const auto& turn : row.turns) {
    list.push_back({{"from", turn.role == Role::kUser ? "human" : "gpt"}, {"value", turn.text}});
  }
  return out;
}

/// Why train.py cannot read the subset itself: a JSON array whose rows have "conversations" of human and gpt, and one
/// "image" or none.
std::string why_anew(const Plan& plan) {
  std::ifstream subset(plan.job.subset);
  if (subset.get() != '[') return "LLaVA reads one JSON array";
  const auto [columns, why_not] = as_it_stands(plan.job, plan.rows);
  if (!why_not.empty()) return why_not;
  if (columns.list != "conversations" || columns.user != "human" || columns.assistant != "gpt") {
    return "LLaVA reads 'conversations' of 'human' and 'gpt'";
  }
  std::size_t next = 0;
  std::string why;
  plan.job.pool->for_each_raw(numbers_of(plan.rows), [&](const Sample& sample, const RawRow& raw) {
    const auto& row = plan.rows.rows[next++].second;
    const auto tree = nlohmann::json::parse(raw.json);
    if (tree.contains("image") && !tree["image"].is_string())
      why = fmt::format("row {} of the pool has an 'image' that is no string", sample.row);
    else if (row.images > 0 && !tree.contains("image")) why = "LLaVA reads 'image'";
  });
  return why;
}

std::string script(const Plan& plan, const std::filesystem::path& data) {
  const auto& recipe = plan.job.recipe;
  const bool vicuna = plan.layout.architecture != "llava";
  const auto model = vicuna && plan.known_model ? model_name(plan.job, "") : std::string("lmsys/vicuna-7b-v1.5");
  std::string text =
      "#!/bin/sh\n# In a checkout of github.com/haotian-liu/LLaVA. It starts from Vicuna, CLIP and the projector of "
      "stage "
      "1:\n# set MODEL and PROJECTOR where they are elsewhere. The arguments follow scripts/v1_5/finetune_lora.sh.\n";
  text += fmt::format("MODEL=${{MODEL:-{}}}\n", shell_word(model));
  text += "PROJECTOR=${PROJECTOR:-./checkpoints/llava-v1.5-7b-pretrain/mm_projector.bin}\n";
  text += "exec deepspeed llava/train/train_mem.py";
  const auto add = [&](const std::string& key, const std::string& value) { text += " \\\n  --" + key + " " + value; };
  add("lora_enable", "True");
  add("lora_r",
      fmt::format("{} --lora_alpha {:.0f} --lora_dropout {}", recipe.lora.r, recipe.lora.alpha, recipe.lora.dropout));
  add("mm_projector_lr", fmt::format("{}", recipe.projector_lr.value_or(recipe.learning_rate)));
  add("deepspeed", "./scripts/zero3.json");
  add("model_name_or_path", "\"$MODEL\"");
  add("version", "v1");
  add("data_path", shell_word(whole_path(data)));
  add("image_folder", shell_word(whole_path(plan.job.image_root)));
  add("vision_tower", "openai/clip-vit-large-patch14-336");
  add("pretrain_mm_mlp_adapter", "\"$PROJECTOR\"");
  add("mm_projector_type", "mlp2x_gelu --mm_vision_select_layer -2");
  add("mm_use_im_start_end", "False --mm_use_im_patch_token False");
  add("image_aspect_ratio", "pad");
  add("group_by_modality_length", recipe.group_by_length ? "True" : "False");
  add("bf16", "True --tf32 True");
  add("output_dir", shell_word(whole_path(plan.folder / "adapter")));
  add("num_train_epochs", fmt::format("{}", recipe.epochs));
  add("per_device_train_batch_size",
      fmt::format("{} --gradient_accumulation_steps {}", recipe.batch_size, recipe.accumulation));
  add("learning_rate", fmt::format("{} --weight_decay {} --warmup_ratio {}", number(recipe.learning_rate),
                                   number(recipe.weight_decay), recipe.warmup_ratio));
  add("lr_scheduler_type", schedule_name(recipe.schedule));
  add("model_max_length", fmt::format("{}", recipe.max_length));
  add("gradient_checkpointing", "True --dataloader_num_workers 4 --lazy_preprocess True");
  add("save_strategy", "epoch --save_total_limit 1 --logging_steps 1 --report_to none \"$@\"\n");
  return text;
}

Written write(const Plan& plan) {
  Written written{plan.folder, plan.job.subset, std::ssize(plan.rows.rows), why_anew(plan), {}};
  if (!written.anew.empty()) {
    written.data = plan.folder / "rows.json";
    write_rows(plan, written.data, /*array=*/true, conversations_of);
  }
  write_file_atomically(plan.folder / "train.sh", script(plan, written.data));
  written.command = "sh " + shell_word(whole_path(plan.folder / "train.sh")) + "   (in a checkout of LLaVA)";
  return written;
}

}  // namespace

Trainer llava() {
  Trainer trainer;
  trainer.name = "llava";
  trainer.title = "LLaVA's train.py";
  trainer.version = "commit c121f04";
  trainer.limit_key = "model_max_length";
  trainer.pictures_whole = false;  // embeddings are cut, with the pictures already in
  for (const char* architecture : {"llava", "llava_llama", "llama"}) {
    trainer.templates.push_back({architecture, "v1", "", kVicunaSystem, "<image>", "", "", "\n", 0});
  }
  trainer.refuse = refuse;
  trainer.render = render;
  trainer.image_tokens = [](const Extent&, const PictureRule&) -> std::int64_t { return 0; };  // pictures have one size
  trainer.write = write;
  return trainer;
}

}  // namespace scalselect::handover
