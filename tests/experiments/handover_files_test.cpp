// The files of a handover, and how rows are spelled for a trainer.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <numeric>

#include "core/files.h"
#include "core/log_listener.h"
#include "data/selection.h"
#include "data/subset.h"
#include "experiments/handover/files.h"
#include "experiments/handover/text.h"
#include "tests/message_of.h"

namespace scalselect::handover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOnePicture[] =
    R"({"id": "a", "image": "1.png", "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]})";
constexpr char kText[] =
    R"({"id": "b", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})";

class HandoverFiles : public ::testing::Test {
 protected:
  HandoverFiles() {
    fs::remove_all(folder_);
    for (const auto* picture : {"images/1.png", "images/2.png"}) write_file_atomically(folder_ / picture, "a picture");
    write_file_atomically(folder_ / "model" / "config.json", R"({"model_type": "llava"})");
  }
  ~HandoverFiles() override { fs::remove_all(folder_); }

  /// Hands all rows over; returns what was printed. The folder is `trainer_folder()` then.
  std::string hand_over(const std::string& trainer, const std::vector<std::string>& rows, bool array = true) {
    std::string text = array ? "[" : "";
    for (std::size_t i = 0; i < rows.size(); ++i) text += rows[i] + (array && i + 1 < rows.size() ? "," : "\n");
    write_file_atomically(folder_ / "pool.json", text + (array ? "]" : ""));
    pool_ = std::make_unique<Pool>(folder_ / "pool.json", folder_ / "images");
    job_.pool = pool_.get();
    job_.rows.resize(static_cast<std::size_t>(pool_->size()));
    std::iota(job_.rows.begin(), job_.rows.end(), 0);
    job_.subset = folder_ / (array ? "subset.json" : "subset.jsonl");
    job_.image_root = folder_ / "images";
    write_subset(*pool_, job_.rows, job_.subset);
    written_ = folder_ / ("subset." + trainer);
    ::testing::internal::CaptureStdout();
    try {
      handover::hand_over(trainer_named(trainer), job_);
    } catch (...) {
      ::testing::internal::GetCapturedStdout();
      throw;
    }
    return ::testing::internal::GetCapturedStdout();
  }

  std::string text(const std::string& name) { return read_file(written_ / name); }
  std::vector<json> lines(const std::string& name) {
    std::vector<json> out;
    for (const auto& line : split(text(name), "\n")) {
      if (!line.empty()) out.push_back(json::parse(line));
    }
    return out;
  }

  fs::path folder_ = fs::temp_directory_path() / "scalselect_handover", written_;
  std::unique_ptr<Pool> pool_;
  Job job_;
};

TEST(HandoverPaths, AreAbsoluteAlsoOfAFolderThatIsNotNamed) {
  EXPECT_EQ(whole_path(""), fs::weakly_canonical(fs::current_path()).string());
  EXPECT_EQ(whole_path("."), whole_path(""));
}

TEST(HandoverComments, DoNotBreakOff) {
  EXPECT_EQ(command_comment("swift sft 'a b/args.yaml'"), "# swift sft 'a b/args.yaml'\n");
  EXPECT_EQ(command_comment("swift sft 'a\nb/args.yaml'"), "");
}

TEST_F(HandoverFiles, FoldersThatDatasetsTakesForAPatternAreToldOf) {
  folder_ /= "run[1]";
  for (const auto* picture : {"images/1.png", "images/2.png"}) write_file_atomically(folder_ / picture, "a picture");
  std::vector<std::string> warnings;
  const LogListener listener([&](LogLevel, const std::string& text) { warnings.push_back(text); });
  hand_over("llava", {kOnePicture});
  EXPECT_TRUE(warnings.empty()) << "train.py opens the file itself";
  hand_over("llamafactory", {kOnePicture});
  hand_over("ms-swift", {kOnePicture});
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], HasSubstr("run[1]"));
  folder_ = folder_.parent_path();
}

TEST_F(HandoverFiles, LlamaFactoryReadsLlavasSpellingAsItStands) {
  job_.model = folder_ / "model";
  const auto said = hand_over("llamafactory", {kOnePicture, kText});
  EXPECT_THAT(said, AllOf(HasSubstr("2 rows for LLaMA-Factory, template 'llava', read from the subset itself"),
                          HasSubstr("llamafactory-cli train ")));
  const auto entry = json::parse(text("dataset_info.json"))["subset"];
  EXPECT_EQ(entry["file_name"], whole_path(job_.subset));
  EXPECT_EQ(entry["formatting"], "sharegpt");
  EXPECT_EQ(entry["columns"], (json{{"messages", "conversations"}, {"images", "image"}}));
  EXPECT_EQ(entry["tags"], (json{{"role_tag", "from"},
                                 {"content_tag", "value"},
                                 {"user_tag", "human"},
                                 {"assistant_tag", "gpt"},
                                 {"system_tag", "system"}}));
  EXPECT_FALSE(fs::exists(written_ / "rows.jsonl"));
  EXPECT_FALSE(fs::exists(written_ / "left_out.jsonl"));
  EXPECT_THAT(text("train.yaml"), AllOf(HasSubstr("\ntemplate: llava\n"), HasSubstr("\ndataset: \"subset\"\n"),
                                        HasSubstr("media_dir: \"" + whole_path(folder_ / "images") + "\"")));
}

TEST_F(HandoverFiles, LlamaFactoryGetsRowsOfOneSpellingWhereTheSubsetHasSeveral) {
  const std::string number = replaced(kOnePicture, R"("a")", "7");
  const std::string user = replaced(kText, R"("human")", R"("user")");
  const std::string list = replaced(kOnePicture, R"("1.png")", R"(["1.png"])");
  const std::string beside = replaced(kText, R"({"id")", R"({"extra": [1.5, "x"], "id")");
  for (const auto& [other, why] : {std::pair<std::string, std::string>{number, "another type of value at 'id'"},
                                   {user, "says 'user' where others say 'human'"},
                                   {list, "another type of value at 'image'"},
                                   {beside, "another type of value at 'extra[]'"}}) {
    const auto said = hand_over("llamafactory", {kOnePicture, other});
    EXPECT_THAT(said, HasSubstr("written anew as rows.jsonl: row 1 of the pool "));
    EXPECT_THAT(said, HasSubstr(why));
    const auto rows = lines("rows.jsonl");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0]["images"], json{"1.png"});
    EXPECT_EQ(rows[0]["messages"][0], (json{{"role", "user"}, {"content", "<image>\nWhat?"}}));
    const auto entry = json::parse(text("dataset_info.json"))["subset"];
    EXPECT_EQ(entry["file_name"], "rows.jsonl");
    EXPECT_EQ(entry["columns"], (json{{"messages", "messages"}, {"images", "images"}}));
    EXPECT_EQ(entry["tags"]["user_tag"], "user");
  }
}

TEST_F(HandoverFiles, RowsThatATrainerWouldDeleteOrStopAtAreListed) {
  const std::string gone = replaced(kOnePicture, "1.png", "gone.png");
  const std::string open = R"({"id": "c", "conversations": [{"from": "human", "value": "left open"}]})";
  const std::string stray =
      R"({"id": "d", "conversations": [{"from": "human", "value": "<image> where?"}, {"from": "gpt", "value": "a"}]})";
  const auto said = hand_over("llamafactory", {kOnePicture, gone, open, stray});
  EXPECT_THAT(said, AllOf(HasSubstr("1 rows for LLaMA-Factory"), HasSubstr("left out: 3 of 4 rows"),
                          HasSubstr("the first is row 1: picture '"), HasSubstr("gone.png' is missing")));
  const auto left_out = lines("left_out.jsonl");
  ASSERT_EQ(left_out.size(), 3u);
  EXPECT_EQ(left_out[1]["row"], 2);
  EXPECT_THAT(left_out[1]["reason"].get<std::string>(), HasSubstr("no answer"));
  EXPECT_THAT(left_out[2]["reason"].get<std::string>(), HasSubstr("1 tags <image> for 0 pictures"));
  // The next handover into the same folder does not keep the list.
  hand_over("llamafactory", {kOnePicture});
  EXPECT_FALSE(fs::exists(written_ / "left_out.jsonl"));
  EXPECT_THAT(message_of([&] { hand_over("llamafactory", {gone}); }),
              AllOf(HasSubstr("LLaMA-Factory can train on none of the 1 rows"), HasSubstr("gone.png")));
}

TEST_F(HandoverFiles, TagsThatAreMissingArePutInFront) {
  const std::string bare = replaced(kOnePicture, "<image>\\n", "");
  EXPECT_THAT(hand_over("llamafactory", {bare}),
              AllOf(HasSubstr("tags had to be put in other places"), HasSubstr("in 1 rows")));
  EXPECT_EQ(lines("rows.jsonl")[0]["messages"][0]["content"], "<image>\nWhat?");
}

TEST_F(HandoverFiles, TagsAsOursDifferByTheTrainersTemplate) {
  job_.tags_as_ours = true;
  write_file_atomically(folder_ / "model" / "config.json", R"({"model_type": "qwen3_vl"})");
  job_.model = folder_ / "model";
  hand_over("llamafactory", {kOnePicture});
  EXPECT_EQ(lines("rows.jsonl")[0]["messages"][0]["content"], "<image>What?");
  EXPECT_THAT(text("train.yaml"), HasSubstr("\ntemplate: qwen3_vl_nothink\n"));
  EXPECT_THAT(text("train.yaml"), Not(HasSubstr("default_system")));
}

TEST_F(HandoverFiles, MsSwiftGetsMessagesAndArguments) {
  job_.area = Area{262144, 589824};
  write_file_atomically(folder_ / "model" / "config.json", R"({"model_type": "qwen3_vl"})");
  job_.model = folder_ / "model";
  EXPECT_THAT(hand_over("ms-swift", {kOnePicture, kText}), HasSubstr("swift sft "));
  const auto rows = lines("rows.jsonl");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1]["images"], json::array());
  EXPECT_EQ(rows[1]["messages"][1], (json{{"role", "assistant"}, {"content", "a"}}));
  EXPECT_THAT(text("args.yaml"), AllOf(HasSubstr("ROOT_IMAGE_DIR: \"" + whole_path(folder_ / "images") + "\""),
                                       HasSubstr("IMAGE_MIN_TOKEN_NUM: 256\n  IMAGE_MAX_TOKEN_NUM: 576\n"),
                                       HasSubstr("model_type: qwen3_vl\n"),
                                       HasSubstr("dataset: \"" + whole_path(written_ / "rows.jsonl") + "\"")));
}

TEST_F(HandoverFiles, LlavaReadsAnArrayOfItsOwnSpelling) {
  EXPECT_THAT(hand_over("llava", {kOnePicture, kText}), HasSubstr("read from the subset itself"));
  EXPECT_THAT(text("train.sh"), HasSubstr("--data_path " + whole_path(job_.subset)));
  EXPECT_THAT(hand_over("llava", {kOnePicture, kText}, /*array=*/false), HasSubstr("LLaVA reads one JSON array"));
  EXPECT_EQ(json::parse(text("rows.json"))[0], json::parse(kOnePicture));
  EXPECT_EQ(json::parse(text("rows.json"))[1], json::parse(kText));

  const std::string messages =
      R"({"messages": [{"role": "user", "content": "<image>Hm?"}, {"role": "assistant", "content": "a"}], "images": ["2.png"]})";
  const std::string system =
      replaced(messages, R"([{"role": "user")", R"([{"role": "system", "content": "s"}, {"role": "user")");
  const std::string two = replaced(messages, R"(["2.png"])", R"(["1.png", "2.png"])");
  EXPECT_THAT(hand_over("llava", {messages, system, two}), HasSubstr("left out: 2 of 3 rows"));
  const auto rows = json::parse(text("rows.json"));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["image"], "2.png");
  EXPECT_EQ(rows[0]["conversations"][0], (json{{"from", "human"}, {"value", "<image>Hm?"}}));
  EXPECT_THAT(lines("left_out.jsonl")[0]["reason"].get<std::string>(), HasSubstr("system message"));
}

TEST_F(HandoverFiles, AModelWithoutATemplateIsRefused) {
  write_file_atomically(folder_ / "model" / "config.json", R"({"model_type": "gemma3"})");
  job_.model = folder_ / "model";
  EXPECT_THAT(message_of([&] { hand_over("llamafactory", {kOnePicture}); }),
              AllOf(HasSubstr("is a model of type 'gemma3'"), HasSubstr("llava, qwen2_5_vl, qwen3_vl")));
  EXPECT_THAT(message_of([&] { trainer_named("llama-factory"); }), HasSubstr("Did you mean 'llamafactory'?"));
  job_.model.reset();
  hand_over("llamafactory", {kOnePicture});
  EXPECT_THAT(text("train.yaml"), HasSubstr("template: llava  # the template of your model"));
}

TEST(HandoverText, StripsAsPythonDoes) {
  EXPECT_EQ(strip(" \t\n\x1c\u00a0\u3000a b\u2003\x1f\r\n "), "a b");
  EXPECT_EQ(strip(" \u2028 "), "");
  EXPECT_EQ(strip("\u200bx\ufeff"), "\u200bx\ufeff");  // no white space to Python
}

TEST(HandoverText, WordsForAShell) {
  EXPECT_EQ(shell_word("/data/a-b_1.json"), "/data/a-b_1.json");
  EXPECT_EQ(shell_word("it's here"), R"('it'\''s here')");
  EXPECT_EQ(shell_word("$HOME"), "'$HOME'");
  EXPECT_EQ(yaml_text("a \"b\": c"), R"("a \"b\": c")");
}

}  // namespace
}  // namespace scalselect::handover
