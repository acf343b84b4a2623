#include "vlm/chat_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/utf8.h"

namespace scalselect::vlm {
namespace {

/// The file that `asked` names.
ChatSource read_source(const std::string& asked) {
  const bool path = asked.find('/') != std::string::npos || asked.ends_with(".jinja");
  if (!path && !is_file(asked)) {
    auto names = chat_layout_names();
    names.insert(names.begin(), "auto");
    throw UserError(ErrorKind::kUsage,
                    fmt::format("model.chat_template '{}' is not known.{}", asked, did_you_mean(asked, names)),
                    fmt::format("It is one of {}, or a file of Jinja.", fmt::join(names, ", ")));
  }
  return {repair_utf8(read_file(asked, kConfigBytes)), fmt::format("'{}'", asked)};
}

}  // namespace

std::string architecture_layout(const VlmConfig& config) {
  const auto* qwen = std::get_if<QwenVlConfig>(&config);
  if (qwen == nullptr) return "llava-1.5";
  return qwen->generation == QwenVlConfig::Generation::kQwen3 ? "qwen3-vl" : "qwen2.5-vl";
}

ChatChoice choose_chat(const std::filesystem::path& folder, const std::string& asked, const std::string& layout) {
  const bool found = asked == "auto";
  const auto layouts = chat_layout_names();
  const bool built_in = std::find(layouts.begin(), layouts.end(), asked) != layouts.end();
  ChatChoice choice;
  choice.layout = layout;
  if (built_in) {
    if (asked != choice.layout) choice.layout = choice.key = asked;
    return choice;
  }
  auto source = found ? find_chat_template(folder) : std::optional(read_source(asked));
  if (!source) return choice;
  const auto digest = sha256(source->text);
  const auto& known = chat_layout(layout);
  auto program = std::make_shared<const ChatProgram>(std::move(*source), known, special_tokens(folder));
  if (program->equals(known)) return choice;
  choice.program = std::move(program);
  choice.key = digest;
  return choice;
}

std::string unused_template(const std::filesystem::path& adapter, const ChatTemplate& chat) {
  std::string place = fmt::format("'{}'", adapter.string());
  try {
    const auto source = find_chat_template(adapter);
    if (!source || (chat.program() != nullptr && chat.program()->source().text == source->text)) return {};
    place = source->place;
    const ChatProgram program(*source, chat.layout(), special_tokens(adapter));
    if (chat.program() == nullptr && program.equals(chat.layout())) return {};
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
  }
  return fmt::format(
      "the adapter's own chat template in {} is not used and differs from the prompts that are made; "
      "model.chat_template=FILE.jinja would take it",
      place);
}

std::string chat_key(const std::filesystem::path& folder, const std::string& asked) {
  if (asked == "auto" && !find_chat_template(folder)) return {};
  return choose_chat(folder, asked, architecture_layout(read_model_config(folder))).key;
}

}  // namespace scalselect::vlm
