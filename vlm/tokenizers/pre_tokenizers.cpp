#include "vlm/tokenizers/pre_tokenizers.h"

#include <map>
#include <utility>

#include "vlm/tokenizers/byte_level.h"
#include "vlm/tokenizers/pattern.h"

namespace scalselect::vlm::tok {
namespace {

using Json = nlohmann::json;
using Words = std::vector<AlignedText>;

/// What happens to a delimiter (SplitDelimiterBehavior).
enum class Delimiter { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct Stretch {
  Range range;
  bool match = false;
};

Delimiter delimiter_from(const Json& value) {
  static const std::map<std::string, Delimiter> names{{"Removed", Delimiter::kRemoved},
                                                      {"Isolated", Delimiter::kIsolated},
                                                      {"MergedWithPrevious", Delimiter::kMergedWithPrevious},
                                                      {"MergedWithNext", Delimiter::kMergedWithNext},
                                                      {"Contiguous", Delimiter::kContiguous}};
  const auto found = value.is_string() ? names.find(value.get<std::string>()) : names.end();
  if (found == names.end()) throw Unsupported{"the split behavior " + value.dump() + " is not supported"};
  return found->second;
}

/// Matches and what lies between them, in order.
std::vector<Stretch> stretches(const AlignedText& text, const std::vector<Range>& matches, bool invert) {
  std::vector<Stretch> all;
  std::uint32_t at = 0;
  for (const auto& range : matches) {
    if (range.first > at) all.push_back({{at, range.first}, invert});
    all.push_back({range, !invert});
    at = range.second;
  }
  if (at < text.text.size()) all.push_back({{at, static_cast<std::uint32_t>(text.text.size())}, invert});
  return all;
}

std::vector<Stretch> merge(const std::vector<Stretch>& all, Delimiter behavior) {
  std::vector<Stretch> merged;
  bool previous = false;
  if (behavior == Delimiter::kMergedWithNext) {
    for (auto item = all.rbegin(); item != all.rend(); ++item) {
      if (item->match && !previous && !merged.empty()) {
        merged.back().range.first = item->range.first;
      } else {
        merged.push_back(*item);
      }
      previous = item->match;
    }
    return {merged.rbegin(), merged.rend()};
  }
  for (const auto& item : all) {
    const bool join = behavior == Delimiter::kContiguous ? item.match == previous : item.match && !previous;
    if (join && !merged.empty()) {
      merged.back().range.second = item.range.second;
    } else {
      merged.push_back(item);
    }
    previous = item.match;
  }
  return merged;
}

void split(const AlignedText& text, const std::vector<Range>& matches, bool invert, Delimiter behavior, Words& out) {
  auto parts = stretches(text, matches, invert);
  if (behavior != Delimiter::kRemoved && behavior != Delimiter::kIsolated) parts = merge(parts, behavior);
  for (const auto& part : parts) {
    if (behavior == Delimiter::kRemoved && part.match) continue;
    out.push_back(text.slice(part.range.first, part.range.second));
  }
}

/// Single characters that satisfy `is`.
template <class Predicate>
std::vector<Range> characters_that(const AlignedText& text, Predicate is) {
  std::vector<Range> found;
  for (std::size_t at = 0; at < text.text.size();) {
    const auto begin = static_cast<std::uint32_t>(at);
    if (is(next_character(text.text, at))) found.emplace_back(begin, static_cast<std::uint32_t>(at));
  }
  return found;
}

/// \w+|[^\w\s]+
void whitespace(const AlignedText& text, Words& out) {
  std::vector<Range> words;
  int previous = 0;  // 0 blank, 1 word, 2 other
  for (std::size_t at = 0; at < text.text.size();) {
    const auto begin = static_cast<std::uint32_t>(at);
    const char32_t c = next_character(text.text, at);
    const int kind = is_word(c) ? 1 : is_space(c) ? 0 : 2;
    if (kind != 0 && kind == previous) words.back().second = static_cast<std::uint32_t>(at);
    if (kind != 0 && kind != previous) words.emplace_back(begin, static_cast<std::uint32_t>(at));
    previous = kind;
  }
  for (const auto& [begin, end] : words) out.push_back(text.slice(begin, end));
}

void bert(const AlignedText& text, Words& out) {
  Words words;
  split(text, characters_that(text, is_space), false, Delimiter::kRemoved, words);
  for (const auto& word : words) {
    split(word, characters_that(word, is_punctuation), false, Delimiter::kIsolated, out);
  }
}

PreTokenizer metaspace(const Json& tree) {
  const auto mark = tree.value("replacement", std::string("\u2581"));
  auto scheme = tree.value("prepend_scheme", std::string("always"));
  if (tree.contains("add_prefix_space") && tree["add_prefix_space"] == false) scheme = "never";
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    throw Unsupported{"the prepend_scheme '" + scheme + "' of Metaspace is not supported"};
  }
  const bool cut = tree.value("split", true);
  return [=, space = Pattern::from_json(" "), marks = Pattern::from_json(mark)](AlignedText text, Words& out) {
    const auto origin = text.origin;
    text = replace_ranges(text, space.matches(text.text), mark);
    const bool prefix = scheme == "always" || (scheme == "first" && origin == 0);
    if (prefix && !text.text.starts_with(mark)) text = prepend(text, mark);
    if (cut) {
      split(text, marks.matches(text.text), false, Delimiter::kMergedWithNext, out);
    } else if (!text.text.empty()) {
      out.push_back(std::move(text));
    }
  };
}

PreTokenizer byte_level(const Json& tree) {
  const bool prefix = tree.value("add_prefix_space", true);
  const bool use_pattern = tree.value("use_regex", true);
  return [=, pattern = Pattern::regex(kGpt2Pattern)](AlignedText text, Words& out) {
    if (text.text.empty()) return;
    if (prefix && text.text[0] != ' ') text = prepend(text, " ");
    Words words;
    if (use_pattern) {
      split(text, pattern.matches(text.text), false, Delimiter::kIsolated, words);
    } else {
      words.push_back(std::move(text));
    }
    for (const auto& word : words) out.push_back(to_byte_characters(word));
  };
}

PreTokenizer sequence(const Json& tree) {
  std::vector<PreTokenizer> steps;
  for (const auto& step : tree.at("pretokenizers")) steps.push_back(make_pre_tokenizer(step));
  return [steps](AlignedText text, Words& out) {
    Words words;
    words.push_back(std::move(text));
    for (const auto& step : steps) {
      Words next;
      for (auto& word : words) step(std::move(word), next);
      words = std::move(next);
    }
    for (auto& word : words) out.push_back(std::move(word));
  };
}

template <class Predicate>
PreTokenizer by_character(Predicate is, Delimiter behavior) {
  return [=](const AlignedText& text, Words& out) { split(text, characters_that(text, is), false, behavior, out); };
}

}  // namespace

PreTokenizer make_pre_tokenizer(const Json& tree) {
  if (tree.is_null()) {
    return [](AlignedText text, Words& out) {
      if (!text.text.empty()) out.push_back(std::move(text));
    };
  }
  const auto type = tree.value("type", "");
  if (type == "Sequence") return sequence(tree);
  if (type == "Whitespace") return whitespace;
  if (type == "WhitespaceSplit") return by_character(is_space, Delimiter::kRemoved);
  if (type == "BertPreTokenizer") return bert;
  if (type == "Punctuation") {
    return by_character(is_punctuation, delimiter_from(tree.value("behavior", Json("Isolated"))));
  }
  if (type == "Digits") {
    return by_character(is_numeric,
                        tree.value("individual_digits", false) ? Delimiter::kIsolated : Delimiter::kContiguous);
  }
  if (type == "Metaspace") return metaspace(tree);
  if (type == "ByteLevel") return byte_level(tree);
  if (type == "Split") {
    return [pattern = Pattern::from_json(tree.at("pattern")), behavior = delimiter_from(tree.at("behavior")),
            invert = tree.value("invert", false)](const AlignedText& text, Words& out) {
      split(text, pattern.matches(text.text), invert, behavior, out);
    };
  }
  throw Unsupported{"pre_tokenizer '" + type + "' is not supported"};
}

}  // namespace scalselect::vlm::tok
