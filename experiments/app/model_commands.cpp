// generate, model: ask a model folder something, and put one together from its parts.
#include <fmt/format.h>

#include "core/error.h"
#include "core/parallel.h"
#include "experiments/app/bound_command.h"
#include "experiments/app/commands.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/schema/command_options.h"
#include "vlm/assemble.h"
#include "vlm/text_generator.h"

namespace scalselect::app {
namespace {

constexpr char kGenerateUsage[] =
    "scalselect generate model.path=DIR prompt=\"…\" [image=[A.png,B.jpg]] [adapter=DIR] [max_new_tokens=N] "
    "[format=json] [model.dtype=bfloat16]";

using schema::AnswerFormat;

/// A prompt is plain language, not the grammar of overrides: `prompt=What is this, please?` is taken verbatim,
/// unless its value is quoted. Removes that word.
std::optional<std::string> take_plain_prompt(Words& overrides) {
  const std::string key = "prompt=";
  for (auto word = overrides.begin(); word != overrides.end(); ++word) {
    if (word->rfind(key, 0) != 0) continue;
    const auto text = word->substr(key.size());
    if (text.empty() || text.front() == '"' || text.front() == '\'') return std::nullopt;
    overrides.erase(word);
    return text;
  }
  return std::nullopt;
}

std::string string_of(const nlohmann::json& value, const char* key) {
  if (value.is_string()) return value.get<std::string>();
  throw UserError(ErrorKind::kUsage, fmt::format("'{}' must be a string.", key), kGenerateUsage);
}

/// One path or a list of them.
std::vector<std::string> images_of(const nlohmann::json& value) {
  if (value.is_null()) return {};
  if (!value.is_array()) return {string_of(value, "image")};
  std::vector<std::string> images;
  for (const auto& item : value) images.push_back(string_of(item, "image"));
  return images;
}

void print_answer(const vlm::Answer& answer, AnswerFormat format) {
  if (format == AnswerFormat::kText) {
    fmt::print("{}\n", answer.text);
    return;
  }
  const nlohmann::ordered_json tree = {{"prompt_ids", answer.prompt_ids}, {"ids", answer.ids}, {"text", answer.text}};
  fmt::print("{}\n", tree.dump());
}

int assemble_model(const Words& words) {
  const Flags flags = parse_flags(words);
  const auto request = request_for(flags, "model_assemble");
  if (const int code = answer_questions(flags, request, kModelUsage); code >= 0) return code;
  const auto bound = bind_command(flags, "model_assemble");
  const auto asked = bind_options<schema::AssembleOptions>(bound.tree, "", bound.origin);
  const auto made = vlm::assemble_llava({asked.llm, asked.tower, asked.projector, asked.dtype}, asked.out);
  fmt::print("{}: {} tensors, {} parameters in {}, vocabulary {} with <image> = {}\n", asked.out, made.tensors,
             made.parameters, made.dtype, made.vocab_size, made.image_token_id);
  return 0;
}

}  // namespace

int run_generate(const Words& words) {
  Flags flags = parse_flags(words);
  const auto plain = take_plain_prompt(flags.overrides);
  if (const int code = answer_questions(flags, request_for(flags, "generate"), kGenerateUsage); code >= 0) return code;
  auto bound = bind_command(flags, "generate", plain ? Words{"prompt"} : Words{});
  const auto model = bound.take<pipeline::ModelOptions>("model");
  const auto prompt = bound.take_raw("prompt");
  const GenerationPrompt question{plain ? *plain : string_of(prompt, "prompt"), images_of(bound.take_raw("image"))};
  const auto asked = bind_options<schema::GenerateOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  const auto generator = vlm::open_generator(inputs::find_path(model.path), asked.adapter.value_or(""), model.dtype,
                                             pipeline::pixels_of(model), /*lone_prompt=*/true, model.chat_template);
  GenerationOptions options;
  options.max_new_tokens = asked.max_new_tokens;
  print_answer(generator->answer(std::span(&question, 1), options).front(), asked.format);
  return 0;
}

int run_model(const Words& words) {
  if (!words.empty() && words[0] == "assemble") return assemble_model({words.begin() + 1, words.end()});
  throw UserError(ErrorKind::kUsage,
                  words.empty() ? "`model` needs a verb." : fmt::format("`model` does not know '{}'.", words[0]),
                  std::string("Usage: ") + kModelUsage);
}

}  // namespace scalselect::app
