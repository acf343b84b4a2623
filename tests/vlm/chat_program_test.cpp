#include "vlm/chat_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "vlm/chat_choice.h"

namespace scalselect::vlm {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

const std::filesystem::path kGolden = SCALSELECT_TEST_DATA;
const char* const kInst =
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% else %}{{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}";

const std::vector<Turn> kTurns = {{Role::kUser, "<image>\n What? "},
                                  {Role::kAssistant, " A cat.\n"},
                                  {Role::kUser, "Sure?"},
                                  {Role::kAssistant, "Yes."}};

ChatProgram program(const std::string& text, const std::string& layout = "llava-1.5") {
  return {{text, "'x'"}, chat_layout(layout), {{"bos_token", "<s>"}, {"eos_token", "</s>"}}};
}

/// The templates of golden/jinja/chat_templates.jsonl by name.
std::map<std::string, std::string> known_templates() {
  std::ifstream in(kGolden / "jinja" / "chat_templates.jsonl");
  std::map<std::string, std::string> known;
  std::string line;
  for (std::getline(in, line); std::getline(in, line);) {
    const auto row = Json::parse(line);
    known[row["name"]] = row["template"];
  }
  return known;
}

/// Every span as "u:What?": role (upper case: supervised) and text.
std::vector<std::string> parts(const ChatText& chat) {
  std::vector<std::string> out;
  for (const auto& span : chat.spans) {
    const char letter = "tsuia"[static_cast<int>(span.role)];
    out.push_back(std::string(1, static_cast<char>(span.supervised ? letter - 32 : letter)) + ":" +
                  chat.text.substr(span.bytes.begin, span.bytes.end - span.bytes.begin));
  }
  return out;
}

std::string problem_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.problem();
  }
  return "nothing was thrown";
}

/// A folder with these files, empty before.
std::filesystem::path folder_with(const std::string& name, const std::map<std::string, std::string>& files) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("chat_" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const auto& [file, text] : files) write_file_atomically(folder / file, text);
  return folder;
}

TEST(ChatProgram, PutsPicturesAndRolesIntoATemplateOfTexts) {
  const auto chat = program(kInst).text(kTurns, 1, {.training = true});
  EXPECT_EQ(chat.text, "<s>[INST] <image>\nWhat? [/INST] A cat.\n</s>[INST] Sure? [/INST]Yes.</s>");
  EXPECT_EQ(parts(chat), (std::vector<std::string>{"u:What?", "A: A cat.\n", "T:</s>", "u:Sure?", "A:Yes.", "T:</s>"}));
  EXPECT_EQ(chat.spans[1].turn, 1);
  const auto features = program(kInst).text(kTurns, 1, {});
  EXPECT_EQ(features.text, chat.text);
  EXPECT_EQ(parts(features), (std::vector<std::string>{"u:What?", "a: A cat.\n", "u:Sure?", "a:Yes."}));
}

TEST(ChatProgram, TheBuiltInLayoutsAreThoseOfTheirModels) {
  const auto known = known_templates();
  const auto same = [&](const std::string& name, const std::string& layout) {
    return program(known.at(name), layout).equals(chat_layout(layout));
  };
  EXPECT_TRUE(same("axolotl/llava", "llava-1.5"));
  EXPECT_TRUE(same("axolotl/qwen2_vl", "qwen2.5-vl"));
  EXPECT_TRUE(same("trl/qwen2_5_vl", "qwen2.5-vl"));
  EXPECT_TRUE(same("trl/qwen3_vl", "qwen3-vl"));
  EXPECT_FALSE(same("trl/qwen3_vl", "qwen2.5-vl"));
  EXPECT_FALSE(same("trl/llava_next", "llava-1.5"));
}

// Whatever the family: the questions and answers are found, and each answer's end belongs to it.
TEST(ChatProgram, FindsTheMessagesOfEveryFamily) {
  for (const auto& [name, source] : known_templates()) {
    auto layout = chat_layout("llava-1.5");
    for (const char* token :
         {"<|image|>", "[IMG]", "<start_of_image>", "<image_soft_token>", "<|image_pad|>", "<image>"}) {
      if (source.find(token) != source.npos) layout.image_token = token;
    }
    const ChatProgram made({source, name}, layout, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    const auto chat = made.text(kTurns, 1, {.training = true});
    std::string roles;
    for (const auto& part : parts(chat)) roles += part[0];
    EXPECT_EQ(std::count(roles.begin(), roles.end(), 'T') >= 2, !made.turn_end().empty()) << name << ": " << chat.text;
    std::erase(roles, 'T');
    EXPECT_EQ(roles, "uAuA") << name << ": " << chat.text;
    EXPECT_THAT(chat.text.substr(0, chat.spans[0].bytes.begin), HasSubstr(layout.image_token)) << name;
  }
}

// golden/make_chat_templates.py: transformers' return_assistant_tokens_mask.
TEST(ChatProgram, TrainsOnWhatTheTemplateNames) {
  std::ifstream in(kGolden / "jinja" / "chat_templates.jsonl");
  std::string line;
  int count = 0;
  for (std::getline(in, line); std::getline(in, line);) {
    const auto row = Json::parse(line);
    if (!row.contains("generation")) continue;
    auto layout = chat_layout("llava-1.5");
    for (const char* token : {"<start_of_image>", "<|image_pad|>", "<image>"}) {
      if (row["template"].get<std::string>().find(token) != std::string::npos) layout.image_token = token;
    }
    const ChatProgram made({row["template"], row["name"]}, layout, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    const std::vector<Turn> turns = {
        {Role::kUser, "What is this?"}, {Role::kAssistant, "A cat."}, {Role::kUser, "Sure?"}};
    const auto chat = made.text(turns, 1, {.training = true});
    std::vector<std::string> targets;
    std::int64_t end = -1;
    for (const auto& span : chat.spans) {
      if (!span.supervised) continue;
      if (span.bytes.begin != end) targets.emplace_back();
      targets.back() += chat.text.substr(span.bytes.begin, span.bytes.end - span.bytes.begin);
      end = span.bytes.end;
      EXPECT_EQ(span.turn, 1);
    }
    EXPECT_EQ(Json(targets), row["generation"]) << row["name"];
    ++count;
  }
  EXPECT_EQ(count, 5);
}

TEST(ChatProgram, SaysWhyATemplateCannotBeUsed) {
  EXPECT_THAT(problem_of([] { program("{% if %}"); }),
              HasSubstr("The chat template in 'x' cannot be used: on line 1: "));
  EXPECT_THAT(problem_of([] { program("{{ messages[0].content }}"); }),
              HasSubstr("it does not repeat every message of a plain conversation once"));
  EXPECT_THAT(problem_of([] { program("{{ raise_exception('No.') }}"); }), HasSubstr("cannot be used: No."));
  EXPECT_THAT(problem_of([] { program("{{ zz.a }}"); }), HasSubstr("'zz' is undefined"));
  EXPECT_THAT(
      problem_of([] { program("{% for m in messages %}{{ m.content | replace('<image>', '') }}{% endfor %}"); }),
      HasSubstr("it makes 0 placeholders '<image>' of one picture"));
}

TEST(ChatProgram, RefusesAConversationInTheTemplatesWords) {
  const auto strict =
      program(std::string(kInst) + "{% if messages | length > 4 %}{{ raise_exception('Too long.') }}{% endif %}");
  auto turns = kTurns;
  turns.push_back({Role::kUser, "?"});
  EXPECT_EQ(problem_of([&] { strict.text(turns, 1, {}); }), "the chat template refuses the conversation: Too long.");
}

TEST(ChatProgram, NeverGuessesWhoseTextItIs) {
  const auto lossy = program(
      "{% for m in messages %}<{{ m.role }}>{{ m.content.split('</think>')[-1] | replace('secret', 'x') }}\n{% endfor "
      "%}");
  const std::vector<Turn> thought = {{Role::kUser, "q"}, {Role::kAssistant, "<think>a</think>b"}};
  EXPECT_THAT(problem_of([&] { lossy.text(thought, 0, {}); }), HasSubstr("the chat template changes the messages"));
  // For generation ids are enough.
  EXPECT_EQ(lossy.text(thought, 0, {.generation_prompt = true}).text, "<user>q\n<assistant>b\n");
  const auto silent =
      program("{% for m in messages if m.role != 'system' %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
  const std::vector<Turn> system = {{Role::kSystem, "s"}, {Role::kUser, "q"}};
  EXPECT_THAT(problem_of([&] { silent.text(system, 0, {}); }), HasSubstr("the chat template leaves out a message"));
  // A text that is also the template's own is no matter.
  EXPECT_EQ(parts(silent.text(std::vector<Turn>{{Role::kUser, "user: \n"}, {Role::kAssistant, "\n"}}, 0, {})),
            (std::vector<std::string>{"u:user: \n"}));
}

TEST(ChatProgram, TrimmedTextsAreFound) {
  const auto trims = program("{% for m in messages %}{{ m.role }}: {{ m.content | trim }} |{% endfor %}");
  EXPECT_EQ(parts(trims.text(kTurns, 1, {})), (std::vector<std::string>{"u:What?", "a:A cat.", "u:Sure?", "a:Yes."}));
}

// The order of transformers 5.24 (processing_utils.py, tokenization_utils_base.py).
TEST(ChatSource, TakesTheTemplateThatTransformersTakes) {
  std::map<std::string, std::string> files;
  const auto found = [&] {
    const auto source = find_chat_template(folder_with("source", files));
    return source ? source->text : "none";
  };
  EXPECT_EQ(found(), "none");
  files["tokenizer_config.json"] = R"({"chat_template": "tokenizer"})";
  EXPECT_EQ(found(), "tokenizer");
  files["chat_template.jinja"] = "jinja";
  EXPECT_EQ(found(), "jinja");
  files["chat_template.json"] = R"({"chat_template": "json"})";
  EXPECT_EQ(found(), "json");
  files["processor_config.json"] = R"({"chat_template": null})";
  EXPECT_EQ(found(), "json");
  files["processor_config.json"] = R"({"chat_template": "processor"})";
  EXPECT_EQ(found(), "processor");
}

TEST(ChatSource, OfNamedTemplatesTheDefaultOne) {
  const auto text = [](const std::string& value) {
    return find_chat_template(folder_with("named", {{"tokenizer_config.json", "{\"chat_template\": " + value + "}"}}))
        ->text;
  };
  EXPECT_EQ(text(R"([{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}])"), "d");
  EXPECT_EQ(text(R"({"tool_use": "t", "default": "d"})"), "d");
  EXPECT_THAT(problem_of([&] { text(R"([{"name": "rag", "template": "r"}, {"name": "tool_use", "template": "t"}])"); }),
              HasSubstr("of the chat templates rag, tool_use none is named 'default'"));
  EXPECT_THAT(problem_of([&] { text("[3]"); }), HasSubstr("'chat_template' must be a text or templates with names"));
  EXPECT_THAT(problem_of([&] { text("3"); }), HasSubstr("tokenizer_config.json: 'chat_template' must be"));
  const auto folder = folder_with("additional", {{"additional_chat_templates/rag.jinja", "r"}});
  EXPECT_THAT(problem_of([&] { find_chat_template(folder); }),
              HasSubstr("of the chat templates rag none is named 'default'"));
}

TEST(ChatSource, EmptyTemplatesAndLitterAreNone) {
  const auto found = [](const std::map<std::string, std::string>& files) {
    const auto source = find_chat_template(folder_with("empty", files));
    return source ? source->text : "none";
  };
  EXPECT_EQ(found({{"tokenizer_config.json", R"({"chat_template": ""})"}}), "none");
  EXPECT_EQ(found({{"chat_template.jinja", ""}}), "none");
  EXPECT_EQ(found({{"additional_chat_templates/._rag.jinja", "x"}}), "none");
  EXPECT_EQ(found({{"chat_template.jinja", "\xEF\xBB\xBFtext"}}), "text");
  EXPECT_EQ(
      found({{"tokenizer_config.json", R"({"chat_template": "t", "model_max_length": Infinity, "x": "\ud800"})"}}),
      "t");
}

TEST(ChatSource, TellsTheTokens) {
  const auto folder = folder_with(
      "tokens",
      {{"tokenizer_config.json", R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null})"},
       {"special_tokens_map.json", R"({"eos_token": "x", "unk_token": "<unk>"})"}});
  EXPECT_EQ(special_tokens(folder),
            (std::map<std::string, std::string>{{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}}));
}

/// The golden LLaVA folder's configuration and tokenizer with a template.
std::filesystem::path llava_with(const std::string& text) {
  const auto folder = folder_with("llava", {{"chat_template.jinja", text}});
  for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}) {
    std::filesystem::copy_file(kGolden / "llava_base" / name, folder / name);
  }
  return folder;
}

TEST(ChatChoice, AKeyIsNewOnlyWherePromptsAre) {
  const auto folder = llava_with(known_templates().at("axolotl/llava"));
  EXPECT_EQ(chat_key(kGolden / "llava_base", "auto"), "");
  EXPECT_EQ(chat_key(folder, "auto"), "");
  EXPECT_EQ(choose_chat(folder, "auto", "llava-1.5").program, nullptr);
  const auto own = llava_with(kInst);
  const auto key = chat_key(own, "auto");
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(chat_key(kGolden / "llava_base", (own / "chat_template.jinja").string()), key);
  EXPECT_EQ(chat_key(own, "llava-1.5"), "");
  EXPECT_EQ(chat_key(own, "qwen3-vl"), "qwen3-vl");
  EXPECT_EQ(choose_chat(own, "qwen3-vl", "llava-1.5").layout, "qwen3-vl");
  try {
    chat_key(own, "llava1.5");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("Did you mean 'llava-1.5'?"));
  }
}

TEST(ChatTemplate, ByAProgramHasOneBosAndAnEndToLearn) {
  const auto folder = llava_with(kInst);
  const auto choice = choose_chat(folder, "auto", "llava-1.5");
  ASSERT_NE(choice.program, nullptr);
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(folder));
  const ChatTemplate chat(chat_layout(choice.layout), choice.program, tokenizer, {}, {*tokenizer->eos_id()});
  EXPECT_EQ(chat.answer_end(), "");
  const auto made = chat.render(kTurns, std::vector<std::int64_t>{3}, {.training = true});
  EXPECT_EQ(std::count(made.ids.begin(), made.ids.end(), *tokenizer->bos_id()), 1);
  EXPECT_EQ(std::count(made.ids.begin(), made.ids.end(), chat.image_id()), 3);
  for (std::size_t i = 0; i < made.ids.size(); ++i) {
    const bool end = made.ids[i] == *tokenizer->eos_id();
    EXPECT_EQ(made.supervised[i] != 0, end || made.roles[i] == TokenRoleTag::kAssistant) << i;
  }
  // A template without a stop token gets one in training.
  const auto endless = choose_chat(llava_with("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"),
                                   "auto", "llava-1.5");
  const ChatTemplate bare(chat_layout(endless.layout), endless.program, tokenizer, {}, {*tokenizer->eos_id()});
  EXPECT_EQ(bare.answer_end(), "</s>");
  EXPECT_EQ(bare.text(kTurns, 1, {}).text,
            "user: <image>\nWhat?\nassistant:  A cat.\n\nuser: Sure?\nassistant: Yes.\n");
  const auto taught = bare.text(kTurns, 1, {.training = true});
  EXPECT_EQ(taught.text, "user: <image>\nWhat?\nassistant:  A cat.\n</s>\nuser: Sure?\nassistant: Yes.</s>\n");
  EXPECT_EQ(parts(taught),
            (std::vector<std::string>{"u:What?", "A: A cat.\n", "T:</s>", "u:Sure?", "A:Yes.", "T:</s>"}));
}

TEST(ChatChoice, ATemplateOfAnAdapterIsToldOf) {
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(kGolden / "llava_base"));
  const ChatTemplate chat(chat_layout("llava-1.5"), tokenizer);
  EXPECT_EQ(unused_template(folder_with("adapter", {}), chat), "");
  const auto same = folder_with("adapter", {{"chat_template.jinja", known_templates().at("axolotl/llava")}});
  EXPECT_EQ(unused_template(same, chat), "");
  const auto other = folder_with("adapter", {{"chat_template.jinja", kInst}});
  EXPECT_THAT(unused_template(other, chat), HasSubstr("chat_template.jinja' is not used and differs"));
  const auto choice = choose_chat(other, "auto", "llava-1.5");
  EXPECT_EQ(unused_template(other, ChatTemplate(chat_layout("llava-1.5"), choice.program, tokenizer, {}, {})), "");
  EXPECT_THAT(unused_template(folder_with("adapter", {{"chat_template.jinja", "{{"}}), chat), HasSubstr("is not used"));
}

TEST(ChatTemplate, ARowThatTheTemplateRefusesIsSkipped) {
  const auto folder = llava_with(std::string(kInst) +
                                 "{% if messages[0].role != 'user' %}{{ raise_exception('User first.') }}{% endif %}");
  const auto choice = choose_chat(folder, "auto", "llava-1.5");
  const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load(folder));
  const ChatTemplate chat(chat_layout(choice.layout), choice.program, tokenizer, {}, {});
  Sample sample;
  sample.images = {(folder / "config.json").string()};
  sample.turns = kTurns;
  EXPECT_EQ(chat.reject_reason(sample), "");
  std::swap(sample.turns[0], sample.turns[1]);
  EXPECT_EQ(chat.reject_reason(sample), "the chat template refuses the conversation: User first.");
}

}  // namespace
}  // namespace scalselect::vlm
