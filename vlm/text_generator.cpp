#include "vlm/text_generator.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "data/image.h"
#include "vlm/adapter.h"
#include "vlm/checkpoint.h"
#include "vlm/single_thread.h"

namespace scalselect::vlm {

namespace {

constexpr std::int64_t kFeatureBytes = std::int64_t{256} << 20;

std::string strip(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// Indices of prompts, batch by batch: one padded length a batch.
std::vector<std::vector<std::size_t>> batches(const std::vector<GreedyPrompt>& prompts, const GreedyOptions& greedy,
                                              int batch_size) {
  std::map<std::int64_t, std::vector<std::size_t>> by_length;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    by_length[padded_length(static_cast<std::int64_t>(prompts[i].ids.size()), greedy)].push_back(i);
  }
  std::vector<std::vector<std::size_t>> out;
  const auto size = static_cast<std::size_t>(std::max(1, batch_size));
  for (const auto& [length, members] : by_length) {
    for (std::size_t at = 0; at < members.size(); at += size) {
      const auto end = std::min(members.size(), at + size);
      out.emplace_back(members.begin() + at, members.begin() + end);
    }
  }
  return out;
}

}  // namespace

LlavaGenerator::LlavaGenerator(LlavaModel model, ChatTemplate chat, ImageProcessor processor)
    : model_(std::move(model)), chat_(std::move(chat)), processor_(std::move(processor)), features_(kFeatureBytes) {}

torch::Tensor LlavaGenerator::visual(const std::string& path) {
  if (const auto known = features_.find(path)) return *known;
  const auto pixels = processor_.process(decode_image(path)).unsqueeze(0).to(model_->device());
  auto features = std::make_shared<torch::Tensor>(model_->project(model_->encode_images(pixels)));
  features_.insert(path, features, static_cast<std::int64_t>(features->nbytes()));
  return *features;
}

GreedyPrompt LlavaGenerator::prepare(const GenerationPrompt& prompt) {
  Turn turn;
  turn.text = prompt.text;
  const std::vector<std::int64_t> image_tokens(prompt.images.size(), model_->config().tokens_per_image());
  RenderOptions render;
  render.generation_prompt = true;
  GreedyPrompt out;
  out.ids = chat_.render(std::span(&turn, 1), image_tokens, render).ids;
  std::vector<torch::Tensor> images;
  for (const auto& path : prompt.images) images.push_back(visual(path));
  if (!images.empty()) out.visual = torch::cat(images, 0);
  return out;
}

std::vector<std::string> AnswerGenerator::generate(std::span<const GenerationPrompt> prompts,
                                                   const GenerationOptions& options) {
  std::vector<std::string> texts;
  for (auto& item : answer(prompts, options)) texts.push_back(std::move(item.text));
  return texts;
}

std::vector<Answer> LlavaGenerator::answer(std::span<const GenerationPrompt> prompts,
                                           const GenerationOptions& options) {
  GreedyOptions greedy;
  greedy.max_new_tokens = options.max_new_tokens;
  greedy.stop_ids = model_->config().text.eos_token_ids;
  std::vector<GreedyPrompt> ready(prompts.size());
  parallel_samples(static_cast<std::int64_t>(prompts.size()), [&](std::int64_t i) { ready[i] = prepare(prompts[i]); });
  std::vector<Answer> answers(prompts.size());
  const auto groups = batches(ready, greedy, options.batch_size);
  parallel_samples(static_cast<std::int64_t>(groups.size()), [&](std::int64_t g) {
    std::vector<GreedyPrompt> batch;
    for (const auto i : groups[g]) batch.push_back(ready[i]);
    const auto ids = generate_greedy(model_, batch, greedy);
    for (std::size_t k = 0; k < ids.size(); ++k) {
      answers[groups[g][k]] = {batch[k].ids, ids[k], strip(chat_.tokenizer().decode(ids[k]))};
    }
  });
  return answers;
}

std::unique_ptr<AnswerGenerator> open_generator(const std::filesystem::path& model,
                                                const std::filesystem::path& adapter, const std::string& dtype) {
  LoadOptions load;
  load.dtype = weight_dtype(dtype);
  auto loaded = load_llava(model, load);
  if (!adapter.empty()) load_adapter(adapter, loaded, /*merge=*/true);
  ChatTemplate chat(chat_layout("llava-1.5"), std::make_shared<Tokenizer>(Tokenizer::load(model)));
  return std::make_unique<LlavaGenerator>(std::move(loaded), std::move(chat), ImageProcessor::load(model));
}

}  // namespace scalselect::vlm
