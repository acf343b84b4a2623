#include "vlm/chat_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/utf8.h"
#include "data/pool_row.h"
#include "vlm/tokenizers/aligned_text.h"

namespace scalselect::vlm {
namespace {

using jinja::Value;

/// Templates may tell the date. It is always the same one (the default that Llama 3's templates name), so that a pool's
/// prompts do not change overnight.
std::tm fixed_date() {
  std::tm date{};
  date.tm_year = 124;
  date.tm_mon = 6;
  date.tm_mday = 26;
  date.tm_wday = 5;
  date.tm_yday = 207;
  date.tm_hour = 12;
  return date;
}

/// Private-use characters: no text of a pool, and nothing that a template looks for.
std::string marker(std::size_t index) { return fmt::format("\uE0A1{}\uE0A2", index); }

bool is_blank(const std::string& text) { return tok::strip_spaces(text).empty(); }

Value dict_of(std::vector<std::pair<Value, Value>> entries) {
  jinja::Budget budget;
  return jinja::make_dict(entries, budget);
}

TokenRoleTag tag_of(Role role) {
  switch (role) {
    case Role::kSystem: return TokenRoleTag::kSystem;
    case Role::kUser: return TokenRoleTag::kUser;
    case Role::kAssistant: break;
  }
  return TokenRoleTag::kAssistant;
}

Value part(const char* type, const char* key = nullptr, const std::string& text = {}) {
  std::vector<std::pair<Value, Value>> entries{{"type", type}};
  if (key != nullptr) entries.emplace_back(key, text);
  return dict_of(std::move(entries));
}

std::int64_t count(std::string_view text, std::string_view what) {
  std::int64_t hits = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++hits;
  return hits;
}

/// A text as templates repeat it: as it is, or trimmed.
std::vector<std::string_view> variants(const std::string& text) {
  const auto both = tok::strip_spaces(text);
  const auto begin = static_cast<std::size_t>(both.data() - text.data());
  const std::string_view whole = text;
  return {whole, both, whole.substr(0, begin + both.size()), whole.substr(begin)};
}

/// How many bytes of `rest` are the message `text` (in one of its variants) if the template's part `after` follows it,
/// or ends the text (`last`).
std::optional<std::size_t> size_between(std::string_view rest, const std::string& text, std::string_view after,
                                        bool last) {
  for (const auto variant : variants(text)) {
    if (!rest.starts_with(variant)) continue;
    const auto behind = rest.substr(variant.size());
    if (last ? behind == after : behind.starts_with(after)) return variant.size();
  }
  return std::nullopt;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

/// The conversation without the tags of pictures.
std::vector<Turn> untagged(std::span<const Turn> turns, bool images) {
  std::vector<Turn> out(turns.begin(), turns.end());
  for (auto& turn : out) {
    const bool here = std::exchange(images, images && turn.role != Role::kUser) && turn.role == Role::kUser;
    turn.text = repair_utf8(here ? without_image_tags(turn.text) : turn.text);
  }
  return out;
}

/// The conversation with markers in place of texts that are more than blanks.
std::vector<Turn> marked(std::span<const Turn> turns) {
  std::vector<Turn> out(turns.begin(), turns.end());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!is_blank(out[i].text)) out[i].text = marker(i);
  }
  return out;
}

/// Makes `ranges` the supervised parts: an answer in one of them, and the template's own text around it.
void supervise(std::vector<ChatSpan>& spans, const std::vector<std::pair<std::size_t, std::size_t>>& ranges) {
  std::erase_if(spans, [](const ChatSpan& span) { return span.role == TokenRoleTag::kTemplate; });
  std::vector<ChatSpan> own;
  for (auto& span : spans) span.supervised = false;
  for (const auto& [first, last] : ranges) {
    auto at = static_cast<std::int64_t>(first);
    const auto end = static_cast<std::int64_t>(last);
    std::int32_t turn = -1;
    const auto add_up_to = [&](std::int64_t border) {
      if (at < border) own.push_back({{at, border}, TokenRoleTag::kTemplate, turn, true});
    };
    for (auto& span : spans) {
      if (span.bytes.end <= at || span.bytes.begin >= end) continue;
      turn = span.turn;
      add_up_to(span.bytes.begin);
      span.supervised = span.role == TokenRoleTag::kAssistant;
      at = span.bytes.end;
    }
    add_up_to(end);
  }
  spans.insert(spans.end(), own.begin(), own.end());
  std::sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) { return a.bytes.begin < b.bytes.begin; });
}

struct Place {
  std::size_t begin, turn;
};

/// Where the markers are, in their order in `text`; nothing unless each is there once.
std::optional<std::vector<Place>> places_of(const std::string& text, std::span<const Turn> turns,
                                            const std::vector<Turn>& turns_marked) {
  std::vector<Place> places;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (is_blank(turns[i].text)) continue;
    const auto begin = text.find(turns_marked[i].text);
    if (begin == text.npos || count(text, turns_marked[i].text) != 1) return std::nullopt;
    places.push_back({begin, i});
  }
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  return places;
}

std::vector<Turn> conversation(std::initializer_list<std::pair<Role, const char*>> turns) {
  std::vector<Turn> out;
  for (const auto& [role, text] : turns) out.push_back({role, text});
  return out;
}

}  // namespace

ChatProgram::ChatProgram(ChatSource source, const ChatLayout& layout, std::map<std::string, std::string> special)
    : source_(std::move(source)),
      special_(std::move(special)),
      placeholder_(layout.image_before + layout.image_token + layout.image_after),
      image_token_(layout.image_token) {
  if (const auto found = special_.find("bos_token"); found != special_.end()) bos_ = found->second;
  try {
    template_ = std::make_unique<const jinja::Template>(source_.text);
  } catch (const jinja::Error& error) {
    refuse(error.what());
  }
  choose_forms();
}

void ChatProgram::refuse(const std::string& problem) const {
  throw UserError(ErrorKind::kInput, fmt::format("The chat template in {} cannot be used: {}", source_.place, problem),
                  "Name another one with model.chat_template=FILE.jinja, or a built-in prompt by its name.");
}

Value ChatProgram::messages(std::span<const Turn> turns, std::int64_t images, const Forms& forms) const {
  std::vector<Value> out;
  for (const auto& turn : turns) {
    const bool here = images > 0 && turn.role == Role::kUser;
    const auto count_here = here ? std::exchange(images, 0) : 0;
    const auto& text = turn.text;
    const bool list = turn.role == Role::kUser     ? forms.user
                      : turn.role == Role::kSystem ? forms.system
                                                   : forms.assistant;
    Value content;
    if (list) {
      std::vector<Value> parts(static_cast<std::size_t>(count_here), part("image"));
      if (!text.empty() || parts.empty()) parts.push_back(part("text", "text", text));
      content = Value::list(std::move(parts));
    } else {
      std::string whole;
      for (std::int64_t i = 0; i < count_here; ++i) whole += placeholder_;
      content = whole + text;
    }
    out.push_back(dict_of({{"role", role_name(turn.role)}, {"content", content}}));
  }
  return Value::list(std::move(out));
}

std::string ChatProgram::render(std::span<const Turn> turns, std::int64_t images, bool prompt, const Forms& forms,
                                Ranges* generation) const {
  std::vector<std::pair<Value, Value>> variables{{"messages", messages(turns, images, forms)},
                                                 {"add_generation_prompt", prompt},
                                                 {"tools", Value()},
                                                 {"documents", Value()}};
  for (const auto& [name, token] : special_) variables.emplace_back(name, token);
  return template_->render(dict_of(std::move(variables)), fixed_date(), generation);
}

std::string ChatProgram::problem_of(std::span<const Turn> turns, const Forms& forms) const {
  const auto turns_marked = marked(turns);
  std::string text;
  try {
    text = render(turns_marked, 1, false, forms);
  } catch (const jinja::Error& error) {
    return error.what();
  }
  auto places = places_of(text, turns, turns_marked);
  if (!places) return "it does not repeat every message of a plain conversation once";
  std::erase_if(*places, [&](const auto& place) { return turns[place.turn].role == Role::kSystem; });
  const bool ordered = std::is_sorted(places->begin(), places->end(), [](auto& a, auto& b) { return a.turn < b.turn; });
  if (!ordered) return "it changes the order of messages";
  // A list that is printed instead of read shows its keys.
  if (text.find("'type'") != text.npos || text.find("\"type\"") != text.npos) {
    return "it prints messages as lists instead of reading them";
  }
  const auto placeholders = count(text, image_token_);
  if (placeholders == 1) return {};
  return fmt::format("it makes {} placeholders '{}' of one picture", placeholders, image_token_);
}

void ChatProgram::choose_forms() {
  const auto plain =
      conversation({{Role::kUser, "a"}, {Role::kAssistant, "b"}, {Role::kUser, "c"}, {Role::kAssistant, "d"}});
  std::string problem;
  for (const auto forms : {Forms{true, true, true}, Forms{true, false, false}, Forms{false, false, false}}) {
    problem = problem_of(plain, forms);
    forms_ = forms;
    if (problem.empty()) break;
  }
  if (!problem.empty()) refuse(problem);
  auto with_system = plain;
  with_system.insert(with_system.begin(), {Role::kSystem, "e"});
  for (const bool list : {forms_.user, !forms_.user}) {
    forms_.system = list;
    if (problem_of(with_system, forms_).empty()) break;
  }
  const auto text = render(marked(plain), 1, false, forms_);
  const auto last = marker(plain.size() - 1);
  turn_end_ = text.substr(text.find(last) + last.size());
}

std::optional<std::vector<ChatSpan>> ChatProgram::locate(const std::string& text, std::span<const Turn> turns,
                                                         std::int64_t images, const RenderOptions& options,
                                                         std::string& problem) const {
  problem = "the chat template changes the messages, so that their tokens cannot be told from its own";
  const auto turns_marked = marked(turns);
  const auto frame = render(turns_marked, images, options.generation_prompt, forms_);
  const auto places = places_of(frame, turns, turns_marked);
  if (!places) {
    problem = "the chat template leaves out a message, or repeats one";
    return std::nullopt;
  }
  std::vector<ChatSpan> spans;
  std::size_t at = 0, frame_at = 0;
  const auto add = [&](std::size_t size, TokenRoleTag role, std::size_t turn, bool supervised) {
    const auto begin = static_cast<std::int64_t>(at), end = begin + static_cast<std::int64_t>(size);
    if (size > 0) spans.push_back({{begin, end}, role, static_cast<std::int32_t>(turn), supervised});
    at += size;
  };
  // The template's part up to the next marker, or to the end.
  const auto next_part = [&](std::size_t k) {
    const auto end = k < places->size() ? (*places)[k].begin : frame.size();
    return std::string_view(frame).substr(frame_at, end - frame_at);
  };
  const auto before = next_part(0);
  if (!text.starts_with(before)) return std::nullopt;
  at = frame_at = before.size();
  for (std::size_t k = 0; k < places->size(); ++k) {
    const auto i = (*places)[k].turn;
    frame_at += turns_marked[i].text.size();
    const auto after = next_part(k + 1);
    const bool last = k + 1 == places->size();
    const auto size = size_between(std::string_view(text).substr(at), turns[i].text, after, last);
    if (!size) return std::nullopt;
    const bool answer = options.training && turns[i].role == Role::kAssistant;
    add(*size, tag_of(turns[i].role), i, answer);
    const auto end = !answer ? 0 : last ? after.size() : common_prefix(after, turn_end_);
    add(end, TokenRoleTag::kTemplate, i, true);
    at += after.size() - end;
    frame_at += after.size();
  }
  if (at != text.size()) return std::nullopt;
  return spans;
}

ChatText ChatProgram::text(std::span<const Turn> turns, std::int64_t images, const RenderOptions& options) const {
  ChatText out;
  std::optional<std::vector<ChatSpan>> spans;
  std::string problem;
  Ranges generation;
  try {
    const auto plain = untagged(turns, images > 0);
    out.text = render(plain, images, options.generation_prompt, forms_, &generation);
    spans = locate(out.text, plain, images, options, problem);
  } catch (const jinja::Raised& error) {
    throw UserError(ErrorKind::kInput, fmt::format("the chat template refuses the conversation: {}", error.what()),
                    "Leave the row out, or choose another template with model.chat_template.");
  } catch (const jinja::Error& error) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("the chat template cannot render the conversation: {}", error.what()),
                    "Leave the row out, or choose another template with model.chat_template.");
  }
  if (!spans && !options.generation_prompt) {
    throw UserError(ErrorKind::kInput, problem,
                    "Leave the row out, or choose another template with model.chat_template.");
  }
  if (spans) out.spans = std::move(*spans);
  if (options.training && !generation.empty()) supervise(out.spans, generation);
  return out;
}

bool ChatProgram::equals(const ChatLayout& layout) const {
  struct Probe {
    std::vector<Turn> turns;
    std::int64_t images;
  };
  const auto user = Role::kUser, assistant = Role::kAssistant;
  const Probe probes[] = {
      {conversation({{user, "What?"}, {assistant, "A cat."}}), 1},
      {conversation({{user, "Same?"}, {assistant, " No \n"}, {user, "\n Why? "}, {assistant, "Because."}}), 2},
      {conversation({{user, "What?"}, {assistant, "A."}, {user, "So?"}, {assistant, "B."}}), 0},
      {conversation({{Role::kSystem, " Be brief. "}, {user, "What?"}, {assistant, "A."}}), 1},
      {conversation(
           {{user, "a"}, {assistant, "<think>\nb\n</think>\n\nc"}, {user, "d"}, {assistant, "<think>e</think>f"}}),
       1},
      {conversation({{assistant, "First."}, {user, "What?"}, {user, "More."}, {assistant, "A."}}), 1},
  };
  for (const auto& probe : probes) {
    for (const bool prompt : {false, true}) {
      RenderOptions options;
      options.generation_prompt = prompt;
      try {
        if (render(probe.turns, probe.images, prompt, forms_) !=
            layout_text(layout, probe.turns, probe.images, options).text) {
          return false;
        }
      } catch (const jinja::Error&) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace scalselect::vlm
