#include "vlm/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::vlm {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path kGolden = SCALSELECT_TEST_DATA;

ChatTemplate llava(const std::string& tokenizer = "llama_legacy") {
  return {chat_layout("llava-1.5"),
          std::make_shared<const Tokenizer>(Tokenizer::load(kGolden / "tokenizers" / tokenizer))};
}

std::vector<Turn> turns_of(const Json& list) {
  std::vector<Turn> turns;
  for (const auto& item : list) {
    const Role role = item[0] == "user" ? Role::kUser : item[0] == "assistant" ? Role::kAssistant : Role::kSystem;
    turns.push_back({role, item[1]});
  }
  return turns;
}

std::string letters(const std::vector<TokenRoleTag>& roles) {
  std::string text;
  for (const auto role : roles) text += "tsuia"[static_cast<int>(role)];
  return text;
}

// golden/make_chat.py: the template in Jinja, the roles from character positions.
TEST(ChatTemplate, AgreesWithHuggingFace) {
  std::ifstream in(kGolden / "chat.jsonl");
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto row = Json::parse(line);
    RenderOptions options;
    options.training = row["training"];
    options.generation_prompt = row["prompt"];
    const auto tokenizer =
        std::make_shared<const Tokenizer>(Tokenizer::load(kGolden / "tokenizers" / row["tokenizer"]));
    const auto chat = ChatTemplate(chat_layout(row["layout"]), tokenizer)
                          .render(turns_of(row["turns"]), row["images"].get<std::vector<std::int64_t>>(), options);
    EXPECT_EQ(Json(chat.ids).dump(), row["ids"].dump()) << line;
    EXPECT_EQ(letters(chat.roles), row["roles"].get<std::string>()) << line;
    EXPECT_EQ(chat.placeholders, static_cast<std::int64_t>(row["images"].size()));
  }
  EXPECT_GE(lines, 135);
}

TEST(ChatTemplate, SupervisesAnswersAndTheirEnd) {
  const auto chat = llava().render(std::vector<Turn>{{Role::kUser, "<image>\nWhat?"},
                                                     {Role::kAssistant, "A cat."},
                                                     {Role::kUser, "So?"},
                                                     {Role::kAssistant, "No."}},
                                   std::vector<std::int64_t>{2}, {.training = true});
  std::int64_t ends = 0;
  for (std::size_t i = 0; i < chat.ids.size(); ++i) {
    const bool end = chat.ids[i] == 2;
    ends += end;
    EXPECT_EQ(chat.supervised[i] != 0, end || chat.roles[i] == TokenRoleTag::kAssistant) << i;
    EXPECT_TRUE(!end || chat.turns[i] == (ends == 1 ? 1 : 3)) << i;
  }
  EXPECT_EQ(ends, 2);
  const auto features = llava().render(std::vector<Turn>{{Role::kUser, "a"}, {Role::kAssistant, "b"}}, {}, {});
  EXPECT_EQ(std::count(features.supervised.begin(), features.supervised.end(), 1), 0);
}

TEST(ChatTemplate, RendersChatMl) {
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(kGolden / "tokenizers" / "qwen"));
  const ChatTemplate chat(chat_layout("qwen3-vl"), tokenizer);
  const std::vector<Turn> turns{{Role::kUser, "<image>\nDescribe."}, {Role::kAssistant, "A cat."}};
  EXPECT_EQ(chat.text(turns, 1).text,
            "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Describe.<|im_end|>\n"
            "<|im_start|>assistant\nA cat.<|im_end|>\n");
  const auto rendered = chat.render(turns, std::vector<std::int64_t>{3});
  EXPECT_EQ(std::count(rendered.ids.begin(), rendered.ids.end(), chat.image_id()), 3);
}

TEST(ChatTemplate, RefusesStrayPlaceholders) {
  const std::vector<Turn> turns{{Role::kUser, "<image>\nWhat?"}, {Role::kAssistant, "See <image>."}};
  try {
    llava().render(turns, std::vector<std::int64_t>{2});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the rendered text holds 2 image placeholders for 1 image"));
  }
}

TEST(ChatTemplate, SaysWhyARowIsSkipped) {
  const auto chat = llava();
  const auto file = std::filesystem::path(testing::TempDir()) / "chat_test" / "a.png";
  write_file_atomically(file, "x");
  Sample sample;
  sample.turns = {{Role::kUser, "<image>\nWhat?"}, {Role::kAssistant, "A cat."}};
  EXPECT_EQ(chat.reject_reason(sample), "no image; a visual method cannot rank it");
  sample.images = {"/none/b.png"};
  EXPECT_EQ(chat.reject_reason(sample), "image '/none/b.png' is missing");
  sample.images = {file.string()};
  EXPECT_EQ(chat.reject_reason(sample), "");
  sample.images.push_back(file.string());
  EXPECT_EQ(chat.reject_reason(sample), "");  // placeholders follow the images, whatever the tags
  sample.turns.push_back({Role::kUser, "And <image>?"});
  EXPECT_EQ(chat.reject_reason(sample), "the rendered text holds 3 image placeholders for 2 images");
  sample.turns = {{Role::kAssistant, "Alone."}};
  EXPECT_EQ(chat.reject_reason(sample), "the rendered text holds 0 image placeholders for 2 images");
}

TEST(ChatTemplate, ATokenThatTheModelDoesNotKnowIsTheSamplesFault) {
  const auto whole = llava();
  const std::vector<Turn> turns = {{Role::kUser, "What?"}, {Role::kAssistant, "A cat."}};
  const auto ids = whole.render(turns, {}).ids;
  const auto largest = *std::max_element(ids.begin(), ids.end());
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(whole.tokenizer().path()));
  EXPECT_EQ(ChatTemplate(whole.layout(), tokenizer, {largest + 1, 100}).render(turns, {}).ids, ids);
  const ChatTemplate smaller(whole.layout(), tokenizer, {largest, 100});
  try {
    smaller.render(turns, {});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("the id " + std::to_string(largest)));
  }
  EXPECT_EQ(smaller.too_long(100), "");
  EXPECT_THAT(smaller.too_long(101), HasSubstr("more than the 100 positions"));
}

TEST(ChatTemplate, AFolderThatMayNotBeEnteredIsNoMissingPicture) {
  const auto root = std::filesystem::path(testing::TempDir()) / "chat_closed";
  write_file_atomically(root / "a.png", "x");
  EXPECT_TRUE(is_file((root / "a.png").string()));
  EXPECT_FALSE(is_file((root / "b.png").string()) || is_file(root.string()) || is_file((root / "a.png/c").string()));
  EXPECT_FALSE(is_file((root / std::string(300, 'x')).string()));
  std::filesystem::permissions(root, std::filesystem::perms::none);
  const auto chat = llava();
  const bool root_user = ::geteuid() == 0;
  ASSERT_TRUE(!root_user || ::seteuid(65534) == 0);
  Sample sample;
  sample.images = {(root / "a.png").string()};
  std::string seen = "nothing was thrown";
  ErrorKind kind = ErrorKind::kInput;
  try {
    seen = chat.reject_reason(sample);
  } catch (const UserError& error) {
    seen = error.what();
    kind = error.kind();
  }
  ASSERT_TRUE(!root_user || ::seteuid(0) == 0);
  std::filesystem::permissions(root, std::filesystem::perms::owner_all);
  EXPECT_EQ(kind, ErrorKind::kEnvironment);
  EXPECT_THAT(seen, HasSubstr("Cannot look at '" + sample.images[0] + "'"));
}

TEST(ChatTemplate, NamesUnknownTemplatesAndMissingTokens) {
  try {
    chat_layout("llava1.5");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("Did you mean 'llava-1.5'?"));
  }
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(kGolden / "tokenizers" / "llama"));
  EXPECT_THROW(ChatTemplate(chat_layout("qwen3-vl"), tokenizer), UserError);
}

}  // namespace
}  // namespace scalselect::vlm
