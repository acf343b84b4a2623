#include <fmt/format.h>

#include <array>

#include "core/error.h"
#include "vlm/chat_template.h"

namespace scalselect::vlm {
namespace {

/// chat_template of llava-1.5-hf: no system prompt of its own; every text is followed by a space; nothing ends a turn
/// except, in training, the answer's </s>.
ChatLayout llava() {
  ChatLayout layout;
  layout.name = "llava-1.5";
  layout.user_header = "USER: ";
  layout.assistant_header = "ASSISTANT: ";
  layout.system_end = layout.user_end = layout.assistant_end = " ";
  layout.assistant_end_training = "</s>";
  layout.image_token = "<image>";
  layout.image_after = "\n";
  layout.generation_prompt = "ASSISTANT:";
  layout.drop_empty_messages = true;
  layout.end_needs_text = true;
  return layout;
}

/// Qwen's ChatML, without a default system prompt.
ChatLayout qwen3_vl() {
  ChatLayout layout;
  layout.name = "qwen3-vl";
  layout.system_header = "<|im_start|>system\n";
  layout.user_header = "<|im_start|>user\n";
  layout.assistant_header = layout.generation_prompt = "<|im_start|>assistant\n";
  layout.system_end = layout.user_end = layout.assistant_end = "<|im_end|>\n";
  layout.assistant_end_training = "<|im_end|>\n";
  layout.image_token = "<|image_pad|>";
  layout.image_before = "<|vision_start|>";
  layout.image_after = "<|vision_end|>";
  return layout;
}

/// The same with a system prompt where the messages bring none.
ChatLayout qwen25_vl() {
  auto layout = qwen3_vl();
  layout.name = "qwen2.5-vl";
  layout.default_system = "You are a helpful assistant.";
  return layout;
}

const std::array<ChatLayout, 3>& layouts() {
  static const std::array<ChatLayout, 3> all{llava(), qwen3_vl(), qwen25_vl()};
  return all;
}

}  // namespace

std::vector<std::string> chat_layout_names() {
  std::vector<std::string> names;
  for (const auto& layout : layouts()) names.push_back(layout.name);
  return names;
}

const ChatLayout& chat_layout(const std::string& name) {
  for (const auto& layout : layouts()) {
    if (layout.name == name) return layout;
  }
  std::string known;
  for (const auto& layout : layouts()) known += (known.empty() ? "" : ", ") + layout.name;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("There is no chat template '{}'.{}", name, did_you_mean(name, chat_layout_names())),
                  fmt::format("Known templates: {}.", known));
}

}  // namespace scalselect::vlm
