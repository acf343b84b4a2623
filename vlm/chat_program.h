// A model folder's own chat template (Jinja) as prompts with roles.
//
// A template says nothing about whose text is where. So each conversation is rendered twice: as it is, and with a
// marker in place of every message's text. What stands between the markers is the template's; the first rendering must
// then be these parts with the texts (as they are, or without the blanks around them, as many templates trim them) in
// between. If it is not, the row is refused: roles are never guessed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vlm/chat_source.h"
#include "vlm/chat_template.h"
#include "vlm/jinja/template.h"

namespace scalselect::vlm {

class ChatProgram {
 public:
  /// `layout`: of the architecture, for its image placeholder. Finds out whether the template takes messages as lists
  /// of parts ({"type": "image"}, {"type": "text", …}) or as texts, which then hold the placeholders. Throws
  /// UserError(kInput), naming the place, for what is no template, and for one that loses a question, an answer or a
  /// picture of a plain conversation.
  ChatProgram(ChatSource source, const ChatLayout& layout, std::map<std::string, std::string> special);

  /// As ChatTemplate::text. Supervised are, in training, what the template's {% generation %} blocks make; without such
  /// blocks an answer and what ends its turn. For a prompt that asks for
  /// an answer (generation_prompt) spans are left out where they cannot be told. Throws UserError(kInput) where the
  /// template refuses the conversation (in its own words), or if the texts are not found again in what it makes.
  ChatText text(std::span<const Turn> turns, std::int64_t images, const RenderOptions& options) const;

  /// Whether `layout` makes the same text of conversations of all kinds (system prompt, several pictures, none, blanks
  /// around texts, an answer first, generation prompt).
  bool equals(const ChatLayout& layout) const;

  /// What stands after the last answer: "<|im_end|>\n".
  const std::string& turn_end() const { return turn_end_; }
  const ChatSource& source() const { return source_; }
  /// Empty where the folder names none. A text that begins with it gets no other one.
  const std::string& bos() const { return bos_; }

 private:
  using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;
  /// Which roles' contents are lists.
  struct Forms {
    bool user = true, assistant = true, system = true;
  };

  /// `turns`: without the tags that stand for pictures.
  std::string render(std::span<const Turn> turns, std::int64_t images, bool prompt, const Forms& forms,
                     Ranges* generation = nullptr) const;
  jinja::Value messages(std::span<const Turn> turns, std::int64_t images, const Forms& forms) const;
  void choose_forms();
  /// Why the plain conversation is not rendered right in these forms; empty: it is.
  std::string problem_of(std::span<const Turn> turns, const Forms& forms) const;
  /// The spans of `text`, which `turns` make; nothing, and why (`problem`), where they cannot be told.
  std::optional<std::vector<ChatSpan>> locate(const std::string& text, std::span<const Turn> turns, std::int64_t images,
                                              const RenderOptions& options, std::string& problem) const;
  [[noreturn]] void refuse(const std::string& problem) const;

  ChatSource source_;
  std::map<std::string, std::string> special_;
  std::string placeholder_, image_token_, bos_, turn_end_;
  std::unique_ptr<const jinja::Template> template_;
  Forms forms_;
};

}  // namespace scalselect::vlm
