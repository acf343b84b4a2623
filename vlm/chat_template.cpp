#include "vlm/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <filesystem>

#include "core/error.h"
#include "data/picture_ref.h"
#include "vlm/chat_program.h"
#include "vlm/tokenizers/aligned_text.h"

namespace scalselect::vlm {
namespace {

void remove_all(std::string& text, std::string_view tag) {
  for (auto at = text.find(tag); at != text.npos; at = text.find(tag, at)) text.erase(at, tag.size());
}

std::int64_t count(std::string_view text, std::string_view tag) {
  std::int64_t hits = 0;
  for (auto at = text.find(tag); at != text.npos; at = text.find(tag, at + tag.size())) ++hits;
  return hits;
}

struct MessageLayout {
  const std::string& header;
  const std::string& end;
  TokenRoleTag role;
};

MessageLayout message_layout(const ChatLayout& layout, Role role, bool training) {
  switch (role) {
    case Role::kSystem: return {layout.system_header, layout.system_end, TokenRoleTag::kSystem};
    case Role::kUser: return {layout.user_header, layout.user_end, TokenRoleTag::kUser};
    case Role::kAssistant: break;
  }
  return {layout.assistant_header, training ? layout.assistant_end_training : layout.assistant_end,
          TokenRoleTag::kAssistant};
}

/// Appends one message and records its parts in `spans`.
void add_message(const ChatLayout& layout, const Turn& turn, std::int32_t index, std::int64_t images, bool training,
                 ChatText& out) {
  const std::string text = images > 0 ? without_image_tags(turn.text) : turn.text;
  if (layout.drop_empty_messages && text.empty() && images == 0) return;
  const auto message = message_layout(layout, turn.role, training);
  const auto add = [&](const std::string& part, TokenRoleTag role, bool supervised) {
    if (part.empty()) return;
    const auto begin = static_cast<std::int64_t>(out.text.size());
    out.text += part;
    out.spans.push_back({{begin, static_cast<std::int64_t>(out.text.size())}, role, index, supervised});
  };
  const bool answer = training && turn.role == Role::kAssistant;
  add(message.header, TokenRoleTag::kTemplate, false);
  for (std::int64_t i = 0; i < images; ++i) {
    add(layout.image_before + layout.image_token + layout.image_after, TokenRoleTag::kTemplate, false);
  }
  add(text, message.role, answer);
  if (!text.empty() || !layout.end_needs_text) add(message.end, TokenRoleTag::kTemplate, answer);
}

/// A token may cross borders; the message's own text wins over the template, and a target over anything else.
struct Label {
  TokenRoleTag role = TokenRoleTag::kTemplate;
  std::int32_t turn = -1;
  bool supervised = false;
};

Label label_of(const std::vector<ChatSpan>& spans, const ByteSpan& token, std::size_t& first) {
  Label label;
  while (first < spans.size() && spans[first].bytes.end <= token.begin) ++first;
  for (std::size_t i = first; i < spans.size() && spans[i].bytes.begin < token.end; ++i) {
    if (label.role == TokenRoleTag::kTemplate) {
      label.role = spans[i].role;
      label.turn = spans[i].turn;
    }
    label.supervised = label.supervised || spans[i].supervised;
  }
  return label;
}

void push(RenderedChat& out, std::int64_t id, const Label& label) {
  out.ids.push_back(id);
  out.roles.push_back(label.role);
  out.turns.push_back(label.turn);
  out.supervised.push_back(label.supervised ? 1 : 0);
}

std::string mismatch(std::int64_t placeholders, std::size_t images) {
  return fmt::format("the rendered text holds {} image placeholder{} for {} image{}", placeholders,
                     placeholders == 1 ? "" : "s", images, images == 1 ? "" : "s");
}

}  // namespace

std::string without_image_tags(std::string text) {
  remove_all(text, "<image>");
  remove_all(text, "<img>");
  return std::string(tok::strip_spaces(text));
}

ChatText layout_text(const ChatLayout& layout, std::span<const Turn> turns, std::int64_t images,
                     const RenderOptions& options) {
  ChatText out;
  if (!layout.default_system.empty() && (turns.empty() || turns.front().role != Role::kSystem)) {
    add_message(layout, {Role::kSystem, layout.default_system}, -1, 0, options.training, out);
  }
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const bool here = images > 0 && turns[i].role == Role::kUser;
    add_message(layout, turns[i], static_cast<std::int32_t>(i), here ? images : 0, options.training, out);
    if (here) images = 0;
  }
  if (options.generation_prompt) out.text += layout.generation_prompt;
  return out;
}

bool is_file(const std::string& path) { return picture_exists(path); }

ChatTemplate::ChatTemplate(ChatLayout layout, std::shared_ptr<const Tokenizer> tokenizer, ChatLimits limits)
    : layout_(std::move(layout)), tokenizer_(std::move(tokenizer)), limits_(limits) {
  const auto encoded = tokenizer_->encode(layout_.image_token, false);
  const auto id = tokenizer_->token_to_id(layout_.image_token);
  if (!id || std::count(encoded.ids.begin(), encoded.ids.end(), *id) != 1) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' has no added token '{}', which the chat template '{}' puts in place of images.",
                                tokenizer_->path().string(), layout_.image_token, layout_.name),
                    "Choose the template that belongs to the model.");
  }
  image_id_ = *id;
}

ChatTemplate::ChatTemplate(ChatLayout layout, std::shared_ptr<const ChatProgram> program,
                           std::shared_ptr<const Tokenizer> tokenizer, ChatLimits limits,
                           const std::vector<std::int64_t>& stop_ids)
    : ChatTemplate(std::move(layout), std::move(tokenizer), limits) {
  program_ = std::move(program);
  if (!program_ || stop_ids.empty()) return;
  const auto ids = tokenizer_->encode(program_->turn_end(), false).ids;
  const bool stops = std::any_of(ids.begin(), ids.end(), [&](std::int64_t id) {
    return std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end();
  });
  if (!stops) answer_end_ = tokenizer_->id_to_token(stop_ids.front()).value_or("");
}

ChatText ChatTemplate::text(std::span<const Turn> turns, std::int64_t images, const RenderOptions& options) const {
  if (!program_) return layout_text(layout_, turns, images, options);
  auto out = program_->text(turns, images, options);
  if (options.training && !answer_end_.empty()) put_answer_ends(out);
  return out;
}

/// After every answer, and supervised with it; what the template itself puts there is not.
void ChatTemplate::put_answer_ends(ChatText& out) const {
  const auto size = static_cast<std::int64_t>(answer_end_.size());
  std::int64_t moved = 0;
  std::vector<ChatSpan> spans;
  for (auto span : out.spans) {
    span.bytes.begin += moved;
    span.bytes.end += moved;
    if (span.supervised && span.role == TokenRoleTag::kTemplate) continue;
    spans.push_back(span);
    if (!span.supervised) continue;
    out.text.insert(static_cast<std::size_t>(span.bytes.end), answer_end_);
    spans.push_back({{span.bytes.end, span.bytes.end + size}, TokenRoleTag::kTemplate, span.turn, true});
    moved += size;
  }
  out.spans = std::move(spans);
}

RenderedChat ChatTemplate::render(std::span<const Turn> turns, std::span<const std::int64_t> image_tokens,
                                  const RenderOptions& options) const {
  const auto chat = text(turns, static_cast<std::int64_t>(image_tokens.size()), options);
  const bool begins = program_ && !program_->bos().empty() && chat.text.starts_with(program_->bos());
  const auto encoded = tokenizer_->encode(chat.text, options.add_special_tokens && !begins);
  RenderedChat out;
  out.placeholders = std::count(encoded.ids.begin(), encoded.ids.end(), image_id_);
  if (out.placeholders != static_cast<std::int64_t>(image_tokens.size())) {
    throw UserError(ErrorKind::kInput, "In this sample " + mismatch(out.placeholders, image_tokens.size()) + ".",
                    "Remove stray tags from later messages, or list the images that belong to them.");
  }
  std::size_t first = 0, image = 0;
  for (std::size_t i = 0; i < encoded.ids.size(); ++i) {
    if (encoded.ids[i] >= limits_.ids) refuse_token(encoded.ids[i]);
    if (encoded.special[i]) {
      push(out, encoded.ids[i], {});
      continue;
    }
    Label label = label_of(chat.spans, encoded.offsets[i], first);
    if (encoded.ids[i] != image_id_) {
      push(out, encoded.ids[i], label);
      continue;
    }
    label.role = TokenRoleTag::kImage;
    // Nothing is between repeated placeholders, so repeating the id equals tokenising the repeated text.
    for (std::int64_t k = 0; k < image_tokens[image]; ++k) push(out, image_id_, label);
    ++image;
  }
  return out;
}

void ChatTemplate::refuse_token(std::int64_t id) const {
  throw UserError(
      ErrorKind::kInput,
      fmt::format("'{}' gives the token '{}' the id {}, but the model's vocabulary ends at {}",
                  tokenizer_->path().string(), tokenizer_->id_to_token(id).value_or(""), id, limits_.ids - 1),
      "Take the tokenizer that belongs to the model, or keep that token out of the text.");
}

std::string ChatTemplate::too_long(std::int64_t tokens) const {
  if (tokens <= limits_.positions) return {};
  return fmt::format("it has {} tokens, more than the {} positions that the model was made for", tokens,
                     limits_.positions);
}

std::string ChatTemplate::reject_reason(const Sample& sample) const {
  if (sample.images.empty()) return "no image; a visual method cannot rank it";
  for (const auto& image : sample.images) {
    if (!is_file(image)) return fmt::format("image '{}' is missing", image);
  }
  ChatText chat;
  try {
    chat = text(sample.turns, static_cast<std::int64_t>(sample.images.size()));
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    return error.problem();
  }
  const auto placeholders = count(chat.text, layout_.image_token);
  if (placeholders != static_cast<std::int64_t>(sample.images.size())) {
    return mismatch(placeholders, sample.images.size());
  }
  return {};
}

}  // namespace scalselect::vlm
