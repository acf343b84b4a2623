// ms-swift, read in and compared with release 4.6.0: template/base.py, template/templates/{llava,qwen,utils}.py,
// dataset/preprocessor/core.py; and qwen_vl_utils 0.0.14, vision_process.py.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/files.h"
#include "experiments/handover/files.h"
#include "experiments/handover/registry.h"
#include "experiments/handover/text.h"

namespace scalselect::handover {
namespace {

/// A template's strings.
struct Slots {
  const char *prefix, *system_before, *system_after, *user_before, *user_after;
  const char *between, *suffix;      ///< after an answer; after the last one
  std::array<const char*, 2> stops;  ///< an answer that ends with one of them gets no suffix
};
constexpr Slots kLlava{"<s>", "<s>", "\n", "USER: ", "\nASSISTANT:", "</s>", "</s>", {"</s>", "</s>"}};
constexpr Slots kChatMl{"",
                        "<|im_start|>system\n",
                        "<|im_end|>\n",
                        "<|im_start|>user\n",
                        "<|im_end|>\n<|im_start|>assistant\n",
                        "<|im_end|>\n",
                        "<|im_end|>\n",
                        {"<|im_end|>", "<|endoftext|>"}};

const Slots& slots_of(const Template& layout) { return layout.architecture == "llava" ? kLlava : kChatMl; }

std::int64_t tags_in(const Row& row) {
  std::int64_t hits = 0;
  for (const auto& turn : row.turns) hits += count(turn.text, kImageTag);
  return hits;
}

std::string refuse(const Row& row, const Template& layout) {
  if (row.turns.empty() || (row.turns.size() == 1 && row.turns[0].role == Role::kSystem)) {
    return "no message but a system prompt: ms-swift deletes the row";
  }
  for (std::size_t i = 1; i < row.turns.size(); ++i) {
    if (row.turns[i].role == Role::kSystem) return "a system message after others: ms-swift deletes the row";
  }
  const auto tags = tags_in(row);
  if (tags > row.images && (row.images > 0 || layout.image_token == kImageTag)) {
    return fmt::format("{} tags <image> for {} pictures: ms-swift stops in the model", tags, row.images);
  }
  return {};
}

struct Piece {
  std::string text;
  bool target = false;
};

/// Messages as question, answer, question, ...: neighbours of one role are joined, tags that are missing come first.
/// `open`: the last question has no answer.
std::vector<std::string> talk_of(const Row& row, bool& open) {
  std::vector<Turn> turns(row.turns.begin() + (row.turns.front().role == Role::kSystem ? 1 : 0), row.turns.end());
  if (row.images > 0) {
    turns.front().text = repeated(kImageTag, row.images - tags_in(row)) + turns.front().text;
  }
  std::vector<std::string> talk;
  if (turns.front().role == Role::kAssistant) talk.emplace_back();
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (i > 0 && turns[i].role == turns[i - 1].role) talk.back() += turns[i].text;
    else talk.push_back(turns[i].text);
  }
  open = talk.size() % 2 != 0;
  return talk;
}

/// Appends a text, cut at the tags of the pictures that are left; the layout takes their place, which is no target.
void add(std::vector<Piece>& pieces, const std::string& text, bool target, const Template& layout, std::int64_t& left) {
  const auto join = [&](const std::string& part, bool learnt) {
    if (part.empty()) return;
    if (!pieces.empty() && pieces.back().target == learnt) pieces.back().text += part;
    else pieces.push_back({part, learnt});
  };
  const auto parts = split(text, kImageTag);
  join(parts[0], target);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const bool picture = left-- > 0;
    if (picture) join(layout.image_before + layout.image_token + layout.image_after, false);
    else join(std::string(kImageTag), target);
    join(parts[i], target);
  }
}

std::vector<Piece> pieces_of(const Row& row, const Template& layout, const Settings& settings) {
  const auto& slots = slots_of(layout);
  std::vector<Piece> pieces;
  std::int64_t left = row.images;
  const bool own = row.turns.front().role == Role::kSystem;
  const auto system = own ? row.turns.front().text : settings.system.value_or(layout.default_system);
  add(pieces, system.empty() ? slots.prefix : slots.system_before + system + slots.system_after, false, layout, left);
  bool open = false;
  const auto talk = talk_of(row, open);
  for (std::size_t i = 0; i < talk.size(); i += 2) {
    add(pieces, slots.user_before + talk[i] + slots.user_after, false, layout, left);
    if (i + 1 == talk.size()) break;
    add(pieces, talk[i + 1], true, layout, left);
    const bool last = i + 2 == talk.size();
    const bool stopped = std::any_of(slots.stops.begin(), slots.stops.end(),
                                     [&](std::string_view stop) { return talk[i + 1].ends_with(stop); });
    if (!last) add(pieces, slots.between, false, layout, left);
    else if (!stopped) add(pieces, slots.suffix, true, layout, left);
  }
  return pieces;
}

/// Makes targets of the suffix where it follows an answer (_add_dynamic_eos).
void learn_ends(const std::vector<std::int64_t>& ids, const std::vector<std::int64_t>& suffix,
                std::vector<std::uint8_t>& targets) {
  std::size_t start = 0;
  const auto n = ids.size();
  for (std::size_t i = 1; i <= n; ++i) {
    const bool before = targets[i - 1] != 0;
    if (before && i < n && targets[i] == 0) {
      start = i;
    } else if (start > 0 && !before && (i == n || targets[i] != 0) && i - start >= suffix.size() &&
               std::equal(suffix.begin(), suffix.end(), ids.begin() + static_cast<std::ptrdiff_t>(start))) {
      std::fill_n(targets.begin() + static_cast<std::ptrdiff_t>(start), suffix.size(), 1);
    }
  }
}

Rendering render(const Row& row, const Template& layout, const Settings& settings, const TextTokenizer& tokenizer,
                 std::span<const std::int64_t> image_tokens) {
  Rendering out;
  out.left_out = refuse(row, layout);
  if (!out.left_out.empty()) return out;
  std::vector<std::int64_t> ids;
  std::vector<std::uint8_t> targets;
  for (const auto& piece : pieces_of(row, layout, settings)) {
    for (const auto id : tokenizer.encode(piece.text, false)) {
      ids.push_back(id);
      targets.push_back(piece.target ? 1 : 0);
    }
  }
  learn_ends(ids, tokenizer.encode(slots_of(layout).suffix, false), targets);
  if (!targets.empty()) targets[0] = 0;
  const auto placeholder = tokenizer.id(layout.image_token);
  std::size_t image = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool visual = placeholder == ids[i] && image < image_tokens.size();
    const auto times = visual ? static_cast<std::size_t>(image_tokens[image++]) : 1;
    out.ids.insert(out.ids.end(), times, ids[i]);
    out.targets.insert(out.targets.end(), times, visual ? 0 : targets[i]);
  }
  out.whole = std::ssize(out.ids);
  if (out.whole > settings.max_length) {
    out.left_out = fmt::format("its {} tokens are more than max_length: ms-swift deletes the row", out.whole);
    out.ids.clear();
    out.targets.clear();
  }
  return out;
}

/// The bounds as qwen_vl_utils takes them, in visual tokens.
Area token_bounds(const Area& area, std::int64_t factor) {
  return {area.least / (factor * factor), area.most / (factor * factor)};
}

/// fetch_image's smart_resize; the model's own processor resizes nothing after it.
std::int64_t image_tokens(const Extent& picture, const PictureRule& rule) {
  const auto f = static_cast<double>(rule.factor), h = static_cast<double>(picture.height),
             w = static_cast<double>(picture.width);
  const auto bounds = token_bounds(rule.ours, rule.factor);
  double rows = std::max(1.0, std::nearbyint(h / f)), columns = std::max(1.0, std::nearbyint(w / f));
  if (rows * columns > static_cast<double>(bounds.most)) {
    const double beta = std::sqrt(h * w / (static_cast<double>(bounds.most) * f * f));
    rows = std::floor(h / beta / f);
    columns = std::floor(w / beta / f);
  } else if (rows * columns < static_cast<double>(bounds.least)) {
    const double beta = std::sqrt(static_cast<double>(bounds.least) * f * f / (h * w));
    rows = std::ceil(h * beta / f);
    columns = std::ceil(w * beta / f);
  }
  return static_cast<std::int64_t>(rows * columns);
}

std::string settings_file(const Plan& plan, const std::filesystem::path& data) {
  const auto& recipe = plan.job.recipe;
  const auto& layout = plan.layout;
  auto text = command_comment("swift sft " + shell_word(whole_path(plan.folder / "args.yaml")));
  text += fmt::format("ENV:\n  ROOT_IMAGE_DIR: {}\n", yaml_text(whole_path(plan.job.image_root)));
  if (layout.factor > 0 && plan.job.area) {
    const auto bounds = token_bounds(*plan.job.area, layout.factor);
    text += fmt::format("  IMAGE_MIN_TOKEN_NUM: {}\n  IMAGE_MAX_TOKEN_NUM: {}\n", bounds.least, bounds.most);
  }
  text += fmt::format("model: {}{}\n", yaml_text(model_name(plan.job, "MODEL")),
                      plan.job.model ? "" : "  # a folder or a name on the hub");
  const char* guess = plan.known_model ? "" : "  # the type of your model";
  text += fmt::format("model_type: {}{}\ntemplate: {}{}\n", layout.model_type, guess, layout.name, guess);
  if (!layout.default_system.empty()) text += "# system: \"\"  # no system prompt where the rows bring none\n";
  text += fmt::format("\ndataset: {}\nmax_length: {}\ntruncation_strategy: delete\n", yaml_text(whole_path(data)),
                      recipe.max_length);
  text += fmt::format(
      "\ntuner_type: lora\nlora_rank: {}\nlora_alpha: {:.0f}\nlora_dropout: {}\ntarget_modules: all-linear\n"
      "freeze_vit: true\nfreeze_aligner: {}\n",
      recipe.lora.r, recipe.lora.alpha, number(recipe.lora.dropout), recipe.train_projector ? "false" : "true");
  text += fmt::format(
      "\noutput_dir: {}\ntorch_dtype: {}\nper_device_train_batch_size: {}\ngradient_accumulation_steps: {}\n"
      "learning_rate: {}\nnum_train_epochs: {}\nlr_scheduler_type: {}\nwarmup_ratio: {}\nweight_decay: {}\n"
      "max_grad_norm: {}\nseed: {}\n",
      yaml_text(whole_path(plan.folder / "adapter")),
      recipe.dtype == trainer::ComputeType::kBFloat16 ? "bfloat16" : "float32", recipe.batch_size, recipe.accumulation,
      number(recipe.learning_rate), number(recipe.epochs), schedule_name(recipe.schedule), number(recipe.warmup_ratio),
      number(recipe.weight_decay), number(recipe.max_grad_norm), recipe.seed);
  return text;
}

Written write(const Plan& plan) {
  Written written{
      plan.folder, plan.folder / "rows.jsonl", std::ssize(plan.rows.rows), "ms-swift reads its own spelling", {}};
  write_rows(plan, written.data, /*array=*/false, messages_of);
  write_file_atomically(plan.folder / "args.yaml", settings_file(plan, written.data));
  written.command = "swift sft " + shell_word(whole_path(plan.folder / "args.yaml"));
  return written;
}

}  // namespace

Trainer ms_swift() {
  Trainer trainer;
  trainer.name = "ms-swift";
  trainer.title = "ms-swift";
  trainer.version = "4.6.0";
  trainer.limit_key = "max_length";
  trainer.system_key = "system: \"\" in args.yaml";
  const auto qwen = [](const char* name, const char* system, std::int64_t factor) {
    return Template{name, name, name, system, "<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "", factor};
  };
  trainer.templates = {{"llava", "llava1_5_hf", "llava1_5_hf", "", "<image>", "", "\n", "", 0},
                       qwen("qwen2_5_vl", "You are a helpful assistant.", 28),
                       qwen("qwen3_vl", "", 32)};
  trainer.refuse = refuse;
  trainer.render = render;
  trainer.image_tokens = image_tokens;
  trainer.write = write;
  return trainer;
}

}  // namespace scalselect::handover
