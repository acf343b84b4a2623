#include "vlm/compat_roles.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "vlm/tokenizers/aligned_text.h"

namespace scalselect::vlm {

namespace {

/// Which ids the authors' code counts as visual.
class VisualIds {
 public:
  explicit VisualIds(const ChatTemplate& chat) : image_(chat.image_id()) {
    const auto& layout = chat.layout();
    if (layout.image_before.empty()) first_added_ = chat.tokenizer().base_vocab_size();
    else frame_ = {chat.tokenizer().token_to_id(layout.image_before), chat.tokenizer().token_to_id(layout.image_after)};
  }
  bool contains(std::int64_t id) const {
    return id == image_ || id == frame_.first || id == frame_.second || (first_added_ && id >= *first_added_);
  }

 private:
  std::int64_t image_;
  std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>> frame_;
  std::optional<std::int64_t> first_added_;
};

}  // namespace

TokenPositions compat_positions(const RenderedChat& chat, std::span<const Turn> turns, const ChatTemplate& layout) {
  const auto& tokenizer = layout.tokenizer();
  const VisualIds visual(layout);
  const auto length = std::min<std::size_t>(chat.ids.size(), kCompatLength);
  const auto end = chat.ids.begin() + static_cast<std::ptrdiff_t>(length);
  std::vector<bool> answer(length, false);
  auto cursor = chat.ids.begin();
  for (const auto& turn : turns) {
    if (turn.role != Role::kAssistant) continue;
    const std::string text(tok::strip_spaces(turn.text));
    if (text.empty()) continue;
    const auto pattern = tokenizer.encode(text, /*add_special_tokens=*/false).ids;
    const auto hit = std::search(cursor, end, pattern.begin(), pattern.end());
    if (pattern.empty() || hit == end) continue;
    cursor = hit + static_cast<std::ptrdiff_t>(pattern.size());
    std::fill(answer.begin() + (hit - chat.ids.begin()), answer.begin() + (cursor - chat.ids.begin()), true);
  }
  TokenPositions out;
  for (std::size_t i = 0; i < length; ++i) {
    const auto position = static_cast<std::int64_t>(i);
    if (visual.contains(chat.ids[i])) out.visual.push_back(position);
    else if (!answer[i]) out.user.push_back(position);
  }
  return out;
}

TokenPositions strict_positions(const RenderedChat& chat) {
  TokenPositions out;
  for (std::size_t i = 0; i < chat.roles.size(); ++i) {
    const auto position = static_cast<std::int64_t>(i);
    if (chat.roles[i] == TokenRoleTag::kImage) out.visual.push_back(position);
    if (chat.roles[i] == TokenRoleTag::kUser) out.user.push_back(position);
  }
  return out;
}

}  // namespace scalselect::vlm
