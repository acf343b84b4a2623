// Which prompts a model folder gets: those of its architecture's built-in layout, or those of a template.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "vlm/chat_program.h"
#include "vlm/config.h"

namespace scalselect::vlm {

struct ChatChoice {
  std::string layout;                          ///< name for chat_layout
  std::shared_ptr<const ChatProgram> program;  ///< null: the layout makes the prompts
  /// For cache keys: empty if the folder gets the prompts of its architecture, else what they are made by (a layout's
  /// name, or the digest of a template's text).
  std::string key;
};

/// Name of the layout that is built in for an architecture.
std::string architecture_layout(const VlmConfig& config);

/// `layout`: of the architecture. `asked`: model.chat_template. "auto": the folder's own template (find_chat_template),
/// unless it makes the same prompts as the architecture's layout or there is none; a layout's name; or a file of Jinja.
/// Throws UserError(kInput) for a template that cannot be used: whoever has given the model a template of its own would
/// otherwise train and measure with other prompts than the model was made for, and find out late or never;
/// model.chat_template=LAYOUT is at hand for whoever wants that. UserError(kUsage) for `asked` that is neither.
ChatChoice choose_chat(const std::filesystem::path& folder, const std::string& asked, const std::string& layout);

/// What to tell of a template in `adapter` (a PEFT folder) that makes other prompts than `chat`; empty: nothing.
std::string unused_template(const std::filesystem::path& adapter, const ChatTemplate& chat);

/// ChatChoice::key without opening the model.
std::string chat_key(const std::filesystem::path& folder, const std::string& asked);

}  // namespace scalselect::vlm
