#include "vlm/tokenizers/post_processors.h"

#include <algorithm>

#include "vlm/tokenizers/aligned_text.h"
#include "vlm/tokenizers/pattern.h"

namespace scalselect::vlm::tok {
namespace {

using Json = nlohmann::json;

void add_template(const Json& tree, PostProcessor& out) {
  std::vector<std::int64_t> before, after;
  bool seen = false;
  for (const auto& item : tree.at("single")) {
    if (item.contains("Sequence")) {
      if (seen || item["Sequence"].value("id", "") != "A") {
        throw Unsupported{"a TemplateProcessing whose 'single' is " + tree["single"].dump() + " is not supported"};
      }
      seen = true;
      continue;
    }
    const auto name = item.at("SpecialToken").at("id").get<std::string>();
    for (const auto& id : tree.at("special_tokens").at(name).at("ids")) {
      (seen ? after : before).push_back(id.get<std::int64_t>());
    }
  }
  // A later processor of a sequence goes outside what the earlier ones added.
  out.before.insert(out.before.begin(), before.begin(), before.end());
  out.after.insert(out.after.end(), after.begin(), after.end());
}

void add(const Json& tree, PostProcessor& out) {
  const auto type = tree.value("type", "");
  if (type == "Sequence") {
    for (const auto& step : tree.at("processors")) add(step, out);
  } else if (type == "TemplateProcessing") {
    add_template(tree, out);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    out.before.insert(out.before.begin(), tree.at("cls").at(1).get<std::int64_t>());
    out.after.push_back(tree.at("sep").at(1).get<std::int64_t>());
    if (type == "RobertaProcessing" && tree.value("trim_offsets", true)) {
      out.trim_offsets = true;
      out.prefix_space = tree.value("add_prefix_space", true);
    }
  } else if (type == "ByteLevel") {
    if (tree.value("trim_offsets", true)) {
      out.trim_offsets = true;
      out.prefix_space = tree.value("add_prefix_space", true);
    }
  } else {
    throw Unsupported{"post_processor '" + type + "' is not supported"};
  }
}

}  // namespace

PostProcessor make_post_processor(const Json& tree) {
  PostProcessor out;
  if (!tree.is_null()) add(tree, out);
  return out;
}

void trim_span(const std::string& token, bool first, bool prefix_space, std::int64_t& begin, std::int64_t& end) {
  const auto blank = [](char32_t c) { return c == 0x120 || is_space(c); };  // 0x120 is the byte ' '
  std::int64_t leading = 0, trailing = 0;
  bool inside = false;
  for (std::size_t at = 0; at < token.size();) {
    const bool is_blank = blank(next_character(token, at));
    inside = inside || !is_blank;
    if (!inside) ++leading;
    trailing = is_blank ? trailing + 1 : 0;
  }
  if (leading > 0) {
    if ((first || begin == 0) && prefix_space && leading == 1) leading = 0;  // the added one; the text had two
    begin = std::min(begin + leading, end);
  }
  if (trailing > 0 && end >= trailing) end = std::max(end - trailing, begin);
}

}  // namespace scalselect::vlm::tok
