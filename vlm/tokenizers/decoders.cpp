#include "vlm/tokenizers/decoders.h"

#include <cstdlib>
#include <optional>
#include <utility>

#include "vlm/tokenizers/aligned_text.h"
#include "vlm/tokenizers/byte_level.h"
#include "vlm/tokenizers/pattern.h"

namespace scalselect::vlm::tok {
namespace {

using Json = nlohmann::json;
using Tokens = std::vector<std::string>;

std::string replace_all(const std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t hit = text.find(from); hit != text.npos; hit = text.find(from, at)) {
    out.append(text, at, hit - at).append(to);
    at = hit + from.size();
  }
  return out.append(text, at);
}

std::string join(const Tokens& tokens) {
  std::string out;
  for (const auto& token : tokens) out += token;
  return out;
}

/// Spaces that English does not have, as the library's WordPiece decoder removes them, in its order.
std::string clean_up(std::string text) {
  constexpr std::pair<const char*, const char*> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) text = replace_all(text, from, to);
  return text;
}

Decoder word_piece(const Json& tree) {
  const auto prefix = tree.value("prefix", std::string("##"));
  const bool cleanup = tree.value("cleanup", true);
  return [=](Tokens tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      auto& token = tokens[i];
      if (i > 0) token = token.starts_with(prefix) ? token.substr(prefix.size()) : " " + token;
      if (cleanup) token = clean_up(std::move(token));
    }
    return tokens;
  };
}

/// The byte of "<0x0A>".
std::optional<char> byte_token(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  char* end = nullptr;
  const auto value = std::strtol(token.c_str() + 3, &end, 16);
  if (end != token.c_str() + 5) return std::nullopt;
  return static_cast<char>(value);
}

/// Runs of byte tokens become characters; a run that is not UTF-8 becomes one U+FFFD per byte.
Tokens byte_fallback(const Tokens& tokens) {
  Tokens out;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (repair_utf8(run) == run) {
      out.push_back(run);
    } else {
      for (std::size_t i = 0; i < run.size(); ++i) out.emplace_back("\xef\xbf\xbd");
    }
    run.clear();
  };
  for (const auto& token : tokens) {
    if (const auto byte = byte_token(token)) {
      run += *byte;
    } else {
      flush();
      out.push_back(token);
    }
  }
  flush();
  return out;
}

Decoder strip(const Json& tree) {
  const auto content = tree.at("content").get<std::string>();
  if (!is_one_character(content)) {
    throw Unsupported{"a Strip decoder whose content '" + content + "' is not one character is not supported"};
  }
  const auto left = tree.value("start", std::size_t{0}), right = tree.value("stop", std::size_t{0});
  return [=](Tokens tokens) {
    for (auto& token : tokens) {
      for (std::size_t i = 0; i < left && token.starts_with(content); ++i) token.erase(0, content.size());
      for (std::size_t i = 0; i < right && token.ends_with(content); ++i) token.resize(token.size() - content.size());
    }
    return tokens;
  };
}

Decoder metaspace(const Json& tree) {
  const auto mark = tree.value("replacement", std::string("\u2581"));
  if (!is_one_character(mark)) {
    throw Unsupported{"a Metaspace decoder whose replacement '" + mark + "' is not one character is not supported"};
  }
  auto scheme = tree.value("prepend_scheme", std::string("always"));
  if (tree.contains("add_prefix_space") && tree["add_prefix_space"] == false) scheme = "never";
  return [=](Tokens tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = replace_all(tokens[i], mark, i == 0 && scheme != "never" ? "" : " ");
    }
    return tokens;
  };
}

/// Byte characters back to bytes; a token with any other character (an added one) is kept as it is.
Tokens byte_level(const Tokens& tokens) {
  std::string bytes;
  for (const auto& token : tokens) {
    std::string decoded;
    bool all = true;
    for (std::size_t at = 0; all && at < token.size();) {
      const auto byte = byte_of(next_character(token, at));
      all = byte.has_value();
      if (all) decoded += static_cast<char>(*byte);
    }
    bytes += all ? decoded : token;
  }
  return {repair_utf8(bytes)};
}

Decoder replace(const Json& tree) {
  return [pattern = Pattern::from_json(tree.at("pattern")),
          content = tree.at("content").get<std::string>()](Tokens tokens) {
    for (auto& token : tokens) {
      token = replace_ranges(align_original(token), pattern.matches(token), content).text;
    }
    return tokens;
  };
}

}  // namespace

Decoder make_decoder(const Json& tree) {
  if (tree.is_null()) {
    return [](Tokens tokens) {
      for (std::size_t i = 1; i < tokens.size(); ++i) tokens[i] = " " + tokens[i];
      return tokens;
    };
  }
  const auto type = tree.value("type", "");
  if (type == "Sequence") {
    std::vector<Decoder> steps;
    for (const auto& step : tree.at("decoders")) steps.push_back(make_decoder(step));
    return [steps](Tokens tokens) {
      for (const auto& step : steps) tokens = step(std::move(tokens));
      return tokens;
    };
  }
  if (type == "WordPiece") return word_piece(tree);
  if (type == "Replace") return replace(tree);
  if (type == "ByteFallback") return byte_fallback;
  if (type == "Fuse") return [](const Tokens& tokens) { return Tokens{join(tokens)}; };
  if (type == "Strip") return strip(tree);
  if (type == "Metaspace") return metaspace(tree);
  if (type == "ByteLevel") return byte_level;
  throw Unsupported{"decoder '" + type + "' is not supported"};
}

}  // namespace scalselect::vlm::tok
