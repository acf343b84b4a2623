// From messages to token ids, with the role of every token.
//
// A layout is data (headers, ends of turns, the image placeholder), one for each architecture: HF chat template of
// llava-1.5-hf; Qwen's ChatML. A folder whose own template makes other prompts is rendered by that template
// (vlm/chat_choice.h). Rendering (docs/extraction.md, 1.1): the first user message of a row with images loses its
// `<image>`/`<img>` tags, is stripped, and gets one placeholder per image before its text; the whole string is
// tokenised once; roles come from character spans.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/sample.h"
#include "vlm/tokenizer.h"

namespace scalselect::vlm {

enum class TokenRoleTag : std::uint8_t {
  kTemplate,   ///< BOS, headers, separators, end-of-turn tokens, the newline after an image
  kSystem,     ///< includes a character of a system message
  kUser,       ///< includes a character of a user message's text as rendered
  kImage,      ///< image placeholder
  kAssistant,  ///< includes a character of an assistant message
};

/// The strings of a prompt format.
struct ChatLayout {
  std::string name;
  std::string system_header, user_header, assistant_header;
  std::string system_end, user_end;
  std::string default_system;          ///< system message of conversations that do not begin with one; empty: none
  std::string assistant_end;           ///< after an assistant message when features are read
  std::string assistant_end_training;  ///< after an assistant message in training; a target as a whole
  std::string image_token;             ///< placeholder, one added token: repeated once per visual token
  std::string image_before, image_after;
  std::string generation_prompt;
  bool drop_empty_messages = false;  ///< a message with neither text nor image is dropped, header included
  bool end_needs_text = false;       ///< user_end / assistant_end only follow a text (LLaVA: "text + ' '")
};

/// "llava-1.5": `USER: <image>\nquestion ASSISTANT: answer ` (no system prompt; training: `answer</s>`).
/// "qwen3-vl": ChatML. "qwen2.5-vl": ChatML with a default system prompt. Throws UserError(kUsage) for an unknown name,
/// with the nearest one.
const ChatLayout& chat_layout(const std::string& name);
std::vector<std::string> chat_layout_names();

struct RenderOptions {
  /// false: the authors' feature template (HF's, no end-of-sequence between turns); true: as trained (`</s>` after
  /// each answer).
  bool training = false;
  bool generation_prompt = false;  ///< end with the header that asks for an answer ("ASSISTANT:")
  bool add_special_tokens = true;  ///< BOS, where the tokenizer adds one
};

struct RenderedChat {
  std::vector<std::int64_t> ids;
  std::vector<TokenRoleTag> roles;  ///< one per token
  std::vector<std::int32_t> turns;  ///< index into the messages given, -1 for BOS, default system and generation prompt
  std::vector<std::uint8_t> supervised;  ///< 1 where the token is a training target: the answer's tokens and its end
  std::int64_t placeholders = 0;         ///< image placeholders before expansion

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// A range of rendered text that belongs to one message.
struct ChatSpan {
  ByteSpan bytes;
  TokenRoleTag role = TokenRoleTag::kTemplate;
  std::int32_t turn = -1;
  bool supervised = false;
};

/// The string before tokenisation (placeholders not expanded) and its parts.
struct ChatText {
  std::string text;
  std::vector<ChatSpan> spans;  ///< ascending; between them the text is template
};

/// A first user message of a row with images: its tags are removed, whatever the template's own placeholder is.
std::string without_image_tags(std::string text);

/// As ChatTemplate::text, by a layout alone.
ChatText layout_text(const ChatLayout& layout, std::span<const Turn> turns, std::int64_t images,
                     const RenderOptions& options);

/// Whether there is a file (or a link to one). Throws UserError(kEnvironment) if the system cannot say, for example for
/// lack of permission.
bool is_file(const std::string& path);

/// Limits of the model that reads the ids.
struct ChatLimits {
  std::int64_t ids = std::numeric_limits<std::int64_t>::max();        ///< token ids are below it
  std::int64_t positions = std::numeric_limits<std::int64_t>::max();  ///< tokens of a sequence
};

class ChatProgram;

class ChatTemplate {
 public:
  /// Throws UserError(kInput) if the tokenizer does not hold the layout's placeholder as one added token.
  ChatTemplate(ChatLayout layout, std::shared_ptr<const Tokenizer> tokenizer, ChatLimits limits = {});
  /// The same with prompts by `program` (null: by the layout). If the program ends its answers with none of `stop_ids`,
  /// a model would not learn to stop: in training the first of them then follows each answer, as LLaVA's </s> does.
  ChatTemplate(ChatLayout layout, std::shared_ptr<const ChatProgram> program,
               std::shared_ptr<const Tokenizer> tokenizer, ChatLimits limits,
               const std::vector<std::int64_t>& stop_ids);

  /// Text of `turns` with `images` images. By a program, throws UserError(kInput) as ChatProgram::text does.
  ChatText text(std::span<const Turn> turns, std::int64_t images, const RenderOptions& options = {}) const;

  /// Ids and roles. `image_tokens[i]`: visual tokens of image i, to which its placeholder is expanded (in order). If
  /// the text has another number of placeholders, throws UserError(kInput) with both numbers; also for a token
  /// that the tokenizer knows and the model does not.
  RenderedChat render(std::span<const Turn> turns, std::span<const std::int64_t> image_tokens,
                      const RenderOptions& options = {}) const;

  /// Why the model cannot read that many tokens: they are more than its positions. Empty: it can.
  std::string too_long(std::int64_t tokens) const;

  /// Why strict extraction must skip this row (docs/extraction.md, item 1.2), without decoding its images: no image; an
  /// image file that is missing; a number of placeholders that differs from the number of images; what `text` throws.
  /// Empty: use it if its images can be decoded. Throws UserError(kEnvironment) as is_file does.
  std::string reject_reason(const Sample& sample) const;

  /// Of the architecture; its placeholder is also the program's.
  const ChatLayout& layout() const { return layout_; }
  /// null: prompts are made by the layout.
  const ChatProgram* program() const { return program_.get(); }
  /// What is put after answers in training, as the program lacks it; empty: nothing.
  const std::string& answer_end() const { return answer_end_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  std::int64_t image_id() const { return image_id_; }

 private:
  [[noreturn]] void refuse_token(std::int64_t id) const;
  void put_answer_ends(ChatText& out) const;

  ChatLayout layout_;
  std::shared_ptr<const ChatProgram> program_;
  std::string answer_end_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ChatLimits limits_;
  std::int64_t image_id_ = 0;
};

}  // namespace scalselect::vlm
