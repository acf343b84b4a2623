#include "experiments/pipeline/plan_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "core/error.h"
#include "data/image_header.h"
#include "eval/registry.h"
#include "experiments/plan/pictures.h"
#include "vlm/chat_choice.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

/// Width and height of a picture file; nothing for one that is missing, inside a container or of another kind.
std::optional<ImageHeader> header_of(const std::string& path) {
  constexpr std::size_t kBytes = 65536;
  std::ifstream in(path, std::ios::binary);
  std::string bytes(kBytes, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(kBytes));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return read_image_header(bytes);
}

double text_length(const Sample& sample, bool answers_only) {
  double bytes = 0;
  for (const auto& turn : sample.turns) {
    if (!answers_only || turn.role == Role::kAssistant) bytes += static_cast<double>(turn.text.size());
  }
  return bytes;
}

}  // namespace

vlm::ChatTemplate open_chat_of(const ModelOptions& model) {
  const auto folder = inputs::find_path(model.path);
  const auto config = vlm::read_model_config(folder);
  const auto& text = vlm::text_config(config);
  const auto choice = vlm::choose_chat(folder, model.chat_template, vlm::architecture_layout(config));
  return {vlm::chat_layout(choice.layout),
          choice.program,
          std::make_shared<vlm::Tokenizer>(vlm::Tokenizer::load(folder)),
          {text.vocab_size, text.max_position_embeddings},
          text.eos_token_ids};
}

SampledRows sample_rows(const Pool& pool, const vlm::ChatTemplate* chat, const vlm::ImageProcessor* images,
                        const plan::ModelShape& shape) {
  SampledRows out;
  const auto rows = plan::spread_rows(pool);
  double text = 0, answers = 0, pictures = 0, visual = 0;
  std::int64_t sized = 0, unreadable = 0;
  pool.for_each_of(rows, [&](Sample& sample) {
    ++out.rows;
    const auto count = static_cast<std::int64_t>(sample.images.size());
    pictures += static_cast<double>(count);
    double tokens = text_length(sample, false) / 4, targets = text_length(sample, true) / 4;
    if (chat != nullptr) {
      try {
        // One visual token for each picture, which is taken off again.
        const auto rendered = chat->render(sample.turns, std::vector<std::int64_t>(sample.images.size(), 1), {true});
        tokens = static_cast<double>(rendered.size() - count);
        targets = static_cast<double>(std::count(rendered.supervised.begin(), rendered.supervised.end(), 1));
      } catch (const UserError&) {
        ++unreadable;  // a row that the model cannot use is listed when its features are taken
      }
    }
    text += tokens, answers += targets;
    if (images == nullptr || images->fixed_size()) return;
    for (const auto& path : sample.images) {
      const auto header = header_of(path);
      if (!header) continue;
      try {
        const auto size = images->output_size({static_cast<int>(header->height), static_cast<int>(header->width)});
        const double factor = images->options().size_factor;
        visual += static_cast<double>(size.height) / factor * static_cast<double>(size.width) / factor;
        ++sized;
      } catch (const UserError&) {
      }
    }
  });
  if (out.rows == 0) return out;
  const auto n = static_cast<double>(out.rows);
  out.row = {text / n, answers / n, pictures / n, sized > 0 ? visual / static_cast<double>(sized) : 0};
  if (chat == nullptr) out.doubts.emplace_back("Four bytes of text are a token, as there is no tokenizer.");
  if (unreadable > 0)
    out.doubts.push_back(
        fmt::format("{} of {} rows that were looked at cannot be made a prompt of.", unreadable, out.rows));
  if (shape.tokens_per_image == 0 && sized == 0)
    out.doubts.emplace_back("A picture has 576 visual tokens, as no picture's size could be read.");
  return out;
}

void read_benchmark(PlannedBenchmark& benchmark, const fs::path& image_cache) {
  const auto [questions, unusable, notes] = eval::make_benchmark(benchmark.options)->load_usable(image_cache.string());
  std::set<std::string> units;
  for (const auto& question : questions) units.insert(question.group.empty() ? question.id : question.group);
  benchmark.questions = static_cast<std::int64_t>(questions.size());
  if (!unusable.empty()) benchmark.unusable = eval::sentence_on(unusable);
  benchmark.units = static_cast<std::int64_t>(units.size());
  benchmark.read = true;
}

std::int64_t usual_questions(const eval::BenchmarkOptions& benchmark) {
  static const std::map<std::string, std::int64_t> known = {
      {"mmbench", 4329},  {"mme", 2374},     {"ai2d", 3088},  {"pope", 9000},    {"scienceqa", 2017},
      {"ocrbench", 1000}, {"textvqa", 5000}, {"gqa", 12578},  {"vqav2", 214354}, {"vizwiz", 4319},
      {"chartqa", 2500},  {"docvqa", 5349},  {"seed", 14233}, {"llava_w", 60},   {"scienceqa_full", 4241}};
  const auto found = known.find(benchmark.kind);
  if (found == known.end()) return 0;
  return benchmark.limit > 0 ? std::min(benchmark.limit, found->second) : found->second;
}

}  // namespace scalselect::pipeline
