// Jinja2's filters that make texts.
#include <algorithm>

#include "vlm/jinja/filter_call.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

Value trim_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"chars"});
  return strip(call.text(), args.optional_text("chars"), true, true);
}

template <std::string (*kChange)(std::string_view)>
Value change_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  return kChange(call.text());
}

/// Words end at blanks, hyphens and opening brackets, as Jinja2 has it (str.title differs).
std::string title_words(std::string_view text) {
  std::string out, word;
  const auto flush = [&] {
    if (!word.empty()) {
      const auto first = characters_of(word).front();
      out += upper(first) + lower(std::string_view(word).substr(first.size()));
    }
    word.clear();
  };
  for (const auto& one : characters_of(text)) {
    const bool border = is_blank(points_of(one)[0]) || std::string_view("-({[<").find(one) != std::string_view::npos;
    if (!border) {
      word += one;
      continue;
    }
    flush();
    out += one;
  }
  flush();
  return out;
}

Value string_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  return call.text();
}

Value replace_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"old", "new", "count"});
  const auto from = to_text(args.require("old"), call.budget), to = to_text(args.require("new"), call.budget);
  const auto* count = args.find("count");
  const auto most = count == nullptr || count->is_none() ? -1 : require_integer(*count);
  const auto text = call.text();
  call.budget.text(replaced_size(text, from, to, most));
  return replace(text, from, to, most);
}

Value indent_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"width", "first", "blank"});
  const auto* width = args.find("width");
  const auto blanks = width != nullptr && width->is_string()
                          ? width->string()
                          : arithmetic("*", " ", args.integer("width", 4), call.budget).string();
  std::string out = args.flag("first") ? blanks : "";
  bool first = true;
  const auto text = call.text() + "\n";
  for (const auto& line : split_lines(text, false)) {
    call.budget.text(out.size() / 64 + line.size());
    if (!first) out += '\n' + (line.empty() && !args.flag("blank") ? "" : blanks);
    first = false;
    out += line;
    if (out.size() > kMostText) call.budget.text(out.size());
  }
  call.budget.text(out.size());
  return out;
}

Value escape_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {});
  std::string out;
  const auto text = call.text();
  call.budget.text(5 * text.size());
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '\'') out += "&#39;";
    else if (c == '"') out += "&#34;";
    else out += c;
  }
  return out;
}

Value tojson_filter(const FilterCall& call) {
  const Parameters args(call.name, call.given, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = args.flag("ensure_ascii");
  style.sort_keys = args.flag("sort_keys");
  if (const auto* indent = args.find("indent"); indent != nullptr && !indent->is_none()) {
    style.indent =
        indent->is_string()
            ? indent->string()
            : arithmetic("*", " ", std::max<std::int64_t>(0, require_integer(*indent)), call.budget).string();
    style.item_separator = ",";
  }
  if (const auto* pair = args.find("separators"); pair != nullptr && !pair->is_none()) {
    const auto both = iterate(*pair, call.budget);
    if (both.size() != 2) throw Error("'separators' must be two texts");
    style.item_separator = require_text(both[0]);
    style.key_separator = require_text(both[1]);
  }
  return to_json(call.operand, style, call.budget);
}

Value format_filter(const FilterCall& call) {
  if (!call.given.named.empty()) {
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [name, value] : call.given.named) entries.emplace_back(name, value);
    return percent_format(call.text(), make_dict(entries, call.budget), call.budget);
  }
  return percent_format(call.text(), make_sequence(Sequence::Kind::kTuple, call.given.positional), call.budget);
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable all = {
      {"trim", trim_filter},
      {"upper", change_filter<upper>},
      {"lower", change_filter<lower>},
      {"capitalize", change_filter<capitalize>},
      {"title", change_filter<title_words>},
      {"string", string_filter},
      {"escape", escape_filter},
      {"e", escape_filter},
      {"forceescape", escape_filter},
      {"replace", replace_filter},
      {"indent", indent_filter},
      {"tojson", tojson_filter},
      {"format", format_filter},
  };
  return all;
}

}  // namespace scalselect::vlm::jinja
