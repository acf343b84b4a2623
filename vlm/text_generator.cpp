#include "vlm/text_generator.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "core/error.h"
#include "core/log.h"
#include "data/python_json.h"
#include "vlm/adapter.h"
#include "vlm/chat_choice.h"
#include "vlm/sample_threads.h"

namespace scalselect::vlm {

namespace {

constexpr std::int64_t kFeatureBytes = std::int64_t{256} << 20;

std::string strip(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// Indices of prompts by batch: at most `batch_size` prompts with prefixes of one length. Those that share a prefix
/// stay together, and groups whose prompts are of similar length meet in a batch.
std::vector<std::vector<std::size_t>> batches(const std::vector<GreedyPrompt>& prompts, const GreedyOptions& greedy,
                                              int batch_size) {
  struct Group {
    std::int64_t prefix, rest;  // rest: padded length behind the prefix, of its first prompt
    std::vector<std::size_t> members;
  };
  std::vector<Group> groups;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto& prompt = prompts[i];
    if (prompt.prefix > 0) {
      const auto [place, fresh] = known.emplace(prompt.shared, groups.size());
      if (!fresh) {
        groups[place->second].members.push_back(i);
        continue;
      }
    }
    groups.push_back({prompt.prefix, padded_length(std::ssize(prompt.ids) - prompt.prefix, greedy), {i}});
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return std::pair(a.prefix, a.rest) < std::pair(b.prefix, b.rest);
  });
  const auto size = static_cast<std::size_t>(std::max(1, batch_size));
  std::vector<std::vector<std::size_t>> out;
  const Group* last = nullptr;
  for (const auto& group : groups) {
    // Without a prefix nothing keeps prompts of different lengths together.
    const bool fits = last != nullptr && last->prefix == group.prefix && (group.prefix > 0 || last->rest == group.rest);
    for (std::size_t k = 0; k < group.members.size(); ++k) {
      const bool starts = k == 0 && (!fits || out.back().size() + std::min(size, group.members.size()) > size);
      if (starts || out.back().size() == size) out.emplace_back();
      out.back().push_back(group.members[k]);
    }
    last = &group;
  }
  return out;
}

}  // namespace

VlmGenerator::VlmGenerator(OpenModel model, bool lone_prompt)
    : model_(std::move(model.model)),
      chat_(std::move(model.chat)),
      images_(std::move(model.images)),
      features_(kFeatureBytes),
      lone_prompt_(lone_prompt) {}

VisualTokens VlmGenerator::visual(const std::string& path) {
  if (const auto known = features_.find(path)) return *known;
  const auto pixels = images_->pixels(path);
  const DevicePermit permit(model_->device());
  auto tokens = std::make_shared<VisualTokens>(model_->project(model_->encode({pixels})));
  features_.insert(path, tokens, bytes_of(tokens->rows, tokens->deep));
  return *tokens;
}

GreedyPrompt VlmGenerator::prepare(const GenerationPrompt& prompt, const std::map<std::string, VisualTokens>& seen) {
  Turn turn;
  turn.text = prompt.text;
  RenderOptions render;
  render.generation_prompt = true;
  GreedyPrompt out;
  out.ids = chat_.render(std::span(&turn, 1), images_->image_tokens(prompt.images), render).ids;
  if (prompt.images.empty()) return out;
  std::vector<VisualTokens> images;
  for (const auto& path : prompt.images) images.push_back(seen.at(path));
  out.visual = concatenate(images);
  if (lone_prompt_) return out;
  const auto last = std::find(out.ids.rbegin(), out.ids.rend(), model_->image_token_id());
  if (last == out.ids.rbegin()) return out;  // ends with a picture
  out.prefix = out.ids.rend() - last;
  for (const auto& path : prompt.images) out.shared += path + '\0';
  out.shared.append(reinterpret_cast<const char*>(out.ids.data()),
                    static_cast<std::size_t>(out.prefix) * sizeof(out.ids[0]));
  return out;
}

std::vector<std::string> AnswerGenerator::generate(std::span<const GenerationPrompt> prompts,
                                                   const GenerationOptions& options) {
  std::vector<std::string> texts;
  for (auto& item : answer(prompts, options)) texts.push_back(std::move(item.text));
  return texts;
}

/// A lone prompt that the model cannot read is an error; among many, as in a benchmark, only its own answer is lost.
void VlmGenerator::check_lengths(const std::vector<GreedyPrompt>& prompts, int new_tokens) const {
  const auto limit = model_->text().max_position_embeddings;
  std::int64_t longest = 0, beyond = 0;
  for (const auto& prompt : prompts) {
    const auto length = std::ssize(prompt.ids);
    longest = std::max(longest, length);
    beyond += length > limit ? 1 : 0;
  }
  if (lone_prompt_ && beyond > 0) {
    throw UserError(ErrorKind::kInput, "The prompt is too long: " + chat_.too_long(longest), "Shorten it.");
  }
  if (beyond > 0) {
    log_warning("{} of {} prompts are too long, up to {} tokens for a model made for {}: their answers are meaningless",
                beyond, prompts.size(), longest, limit);
  } else if (lone_prompt_ && longest + new_tokens > limit) {
    log_warning("{} tokens of the prompt and {} new ones go beyond the {} positions that the model was made for",
                longest, new_tokens, limit);
  }
}

std::vector<Answer> VlmGenerator::answer(std::span<const GenerationPrompt> prompts, const GenerationOptions& options) {
  GreedyOptions greedy;
  greedy.max_new_tokens = options.max_new_tokens;
  if (lone_prompt_) greedy.least_rows = greedy.length_multiple = 1;
  greedy.stop_ids = model_->text().eos_token_ids;
  greedy.repetition_penalty = model_->text().repetition_penalty;
  const auto each = lone_prompt_ ? samples_in_turn : parallel_samples;
  std::vector<GreedyPrompt> ready(prompts.size());
  std::map<std::string, VisualTokens> seen;  // each picture once, however many prompts are about it
  for (const auto& prompt : prompts) {
    for (const auto& path : prompt.images) seen[path];
  }
  std::vector<std::pair<const std::string, VisualTokens>*> pictures;
  for (auto& picture : seen) pictures.push_back(&picture);
  each(std::ssize(pictures), [&](std::int64_t i) { pictures[i]->second = visual(pictures[i]->first); });
  each(std::ssize(prompts), [&](std::int64_t i) { ready[i] = prepare(prompts[i], seen); });
  check_lengths(ready, options.max_new_tokens);
  std::vector<Answer> answers(prompts.size());
  const auto groups = batches(ready, greedy, options.batch_size);
  each(static_cast<std::int64_t>(groups.size()), [&](std::int64_t g) {
    std::vector<GreedyPrompt> batch;
    for (const auto i : groups[g]) batch.push_back(ready[i]);
    const DevicePermit permit(model_->device());
    const auto ids = generate_greedy(model_, batch, greedy);
    for (std::size_t k = 0; k < ids.size(); ++k) {
      answers[groups[g][k]] = {batch[k].ids, ids[k], strip(chat_.tokenizer().decode(ids[k]))};
    }
  });
  return answers;
}

namespace {

/// Warns of settings of generation_config.json that change what transformers answers without sampling, and that greedy
/// decoding here leaves out.
void tell_unused_settings(const std::filesystem::path& model) {
  const auto file = model / "generation_config.json";
  if (!std::filesystem::exists(file)) return;
  const auto tree = read_python_json(file);
  if (!tree.is_object()) return;  // refused where it is read
  std::string names;
  for (const char* key : {"assistant_early_exit",
                          "bad_words_ids",
                          "begin_suppress_tokens",
                          "constraints",
                          "encoder_no_repeat_ngram_size",
                          "encoder_repetition_penalty",
                          "exponential_decay_length_penalty",
                          "force_words_ids",
                          "forced_bos_token_id",
                          "forced_eos_token_id",
                          "guidance_scale",
                          "min_length",
                          "min_new_tokens",
                          "no_repeat_ngram_size",
                          "num_beams",
                          "penalty_alpha",
                          "prompt_lookup_num_tokens",
                          "sequence_bias",
                          "stop_strings",
                          "suppress_tokens"}) {
    const auto found = tree.find(key);
    if (found == tree.end() || found->is_null() || found->empty()) continue;
    const double neutral = std::string_view(key) == "num_beams" || std::string_view(key).ends_with("penalty") ||
                                   std::string_view(key) == "guidance_scale"
                               ? 1
                               : 0;
    if (found->is_number() && found->get<double>() == neutral) continue;
    names += (names.empty() ? "" : ", ") + std::string(key);
  }
  if (names.empty()) return;
  log_warning("{}: {} would change what transformers answers; decoding here is greedy without them", file.string(),
              names);
}

}  // namespace

std::unique_ptr<AnswerGenerator> open_generator(const std::filesystem::path& model,
                                                const std::filesystem::path& adapter, const std::string& dtype,
                                                const PixelLimits& pixels, bool lone_prompt,
                                                const std::string& chat_template) {
  tell_unused_settings(model);
  LoadOptions load;
  load.dtype = weight_dtype(dtype);
  auto opened = open_model(model, load, pixels, chat_template);
  if (!adapter.empty()) {
    load_adapter(adapter, opened.model, /*merge=*/true);
    if (const auto warning = unused_template(adapter, opened.chat); !warning.empty()) log_warning("{}", warning);
  }
  return std::make_unique<VlmGenerator>(std::move(opened), lone_prompt);
}

}  // namespace scalselect::vlm
