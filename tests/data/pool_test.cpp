#include "data/pool.h"

#include <gmock/gmock.h>

#include <fstream>

#include "core/error.h"
#include "core/hash.h"
#include "data/picture_digest.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

fs::path write(const std::string& name, const std::string& text) {
  const auto folder = fs::path(::testing::TempDir()) / "pool_test";
  fs::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary) << text;
  return folder / name;
}

std::string refusal(const std::string& text) {
  return message_of([&] { Pool(write("refused.json", text)); });
}

constexpr char kTurn[] =
    R"("conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A."}])";

TEST(Pool, ReadsLlavaSamples) {
  const Pool pool(
      write("llava.json", std::string("[\n {\"id\": \"a\", \"image\": \"x/1.jpg\", \"source\": \"vqa\", ") + kTurn +
                              "},\n {\"id\": 12, \"image\": [\"1.jpg\", \"/abs/2.jpg\"], " + kTurn + "}\n]\n"),
      "/root_of_images");
  ASSERT_EQ(pool.size(), 2);
  EXPECT_TRUE(pool.has_picture(0) && pool.usable(1));
  const auto first = pool.sample(0);
  EXPECT_EQ(first.id, "a");
  EXPECT_EQ(first.source, "vqa");
  EXPECT_THAT(first.images, ElementsAre("/root_of_images/x/1.jpg"));
  ASSERT_EQ(first.turns.size(), 2U);
  EXPECT_EQ(first.turns[0].role, Role::kUser);
  EXPECT_EQ(first.turns[0].text, "<image>\nWhat?");
  EXPECT_EQ(first.turns[1].role, Role::kAssistant);
  EXPECT_EQ(pool.sample(1).id, "12");
  EXPECT_THAT(pool.sample(1).images, ElementsAre("/root_of_images/1.jpg", "/abs/2.jpg"));
  EXPECT_THAT(pool.problems(), IsEmpty());
}

TEST(Pool, ReadsLlamaFactoryLinesWhateverTheNameSays) {
  const auto file =
      write("lines.json",
            "\xEF\xBB\xBF{\"id\": 1, \"system\": \"Be brief.\", \"images\": [\"a.png\"], \"messages\": [{\"role\": "
            "\"user\", \"content\": \"hi \\u00e9\"}, {\"role\": \"assistant\", \"content\": \"ho\"}]}\r\n\n"
            "{\"id\": 2, \"images\": \"b.png\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}");
  const Pool pool(file);
  ASSERT_EQ(pool.size(), 2);
  EXPECT_EQ(pool.sample(0).turns[0].role, Role::kSystem);
  EXPECT_EQ(pool.sample(0).turns[1].text, "hi \xC3\xA9");
  EXPECT_THAT(pool.sample(1).images, ElementsAre((file.parent_path() / "b.png").string()));
  EXPECT_TRUE(pool.raw(1).starts_with("{\"id\": 2"));
  EXPECT_TRUE(pool.raw(1).ends_with("}]}"));
}

TEST(Pool, KeepsTheBytesOfEveryObject) {
  const std::string odd = "{ \"id\" :\"a\\\"]}\",\n\t\"image\":null,  \"extra\": [1.50, 1e3, {\"x\": \"[{\"}], " +
                          std::string(kTurn) + " }";
  const Pool pool(write("odd.json", "  [" + odd + "  ,\n{\"id\": 2, " + kTurn + "}]"));
  EXPECT_EQ(pool.raw(0), odd);
  EXPECT_EQ(pool.sample(0).id, "a\"]}");
}

TEST(Pool, ListsWhatIsWrongWithRowsAndKeepsTheirNumbers) {
  const Pool pool(
      write("rows.json", std::string("[{") + kTurn + "},\n{\"id\": \"d\", " + kTurn + "},\n{\"id\": \"d\", " + kTurn +
                             "},\n{\"id\": \"e\", \"conversations\": []},\n7,\n{\"id\": \"n\"},\n"
                             "{\"id\": \"v\", \"conversations\": [{\"from\": \"human\", \"value\": 3}]},\n"
                             "{\"id\": \"r\", \"conversations\": [{\"from\": \"tool\", \"value\": \"x\"}]},\n"
                             "{\"id\": \"i\", \"image\": 3, " +
                             kTurn + "}]"));
  ASSERT_EQ(pool.size(), 9);
  std::vector<std::string> reasons;
  for (const auto& problem : pool.problems()) {
    EXPECT_EQ(problem.place, "line " + std::to_string(problem.row + 1));
    EXPECT_EQ(problem.count, 1);
    reasons.push_back(std::to_string(problem.row) + (problem.rejected ? " rejected: " : ": ") + problem.reason);
  }
  EXPECT_THAT(reasons,
              ElementsAre("0: no id", "2: id 'd' was seen before in row 1", "3 rejected: empty conversation",
                          "4 rejected: not an object", "5 rejected: none of 'conversations', 'messages' and 'texts'",
                          "6 rejected: conversations[0].value is missing or not a string",
                          "7 rejected: conversations[0] has the unknown role 'tool'",
                          "8 rejected: 'image' is neither a path nor a list of paths"));
  EXPECT_EQ(pool.reject_reason(3), "empty conversation");
  EXPECT_EQ(pool.reject_reason(2), "");
  EXPECT_THAT(pool.sample(3).turns, IsEmpty());
}

TEST(Pool, SaysWhereAFileWasCut) {
  const std::string good = std::string("{\"id\": 1, ") + kTurn + "}";
  const std::string cut = refusal("[" + good + ",\n" + good.substr(0, 30));
  EXPECT_THAT(cut, HasSubstr("ends in the middle of a value at line 2"));
  EXPECT_THAT(cut, HasSubstr("last whole row is 0, on line 1"));
  EXPECT_THAT(refusal("[" + good), HasSubstr("ends before its closing ']'"));
  EXPECT_THAT(refusal(good + "\n" + good.substr(0, 30)), HasSubstr("at line 2"));
  EXPECT_THAT(refusal("[" + good + good + "]"), HasSubstr("lacks a comma"));
  EXPECT_THAT(refusal("[" + good + ",]"), HasSubstr("comma without a value"));
  EXPECT_THAT(refusal("[" + good + "] x"), HasSubstr("continues after"));
}

/// A line bounds its row, whatever it holds: a writer that was killed and went on, files put together with their byte
/// order marks, comments.
TEST(Pool, ABadLineIsOneRow) {
  const auto row = [](int id) { return "{\"id\": " + std::to_string(id) + ", " + kTurn + "}"; };
  const Pool pool(write("bad_lines.jsonl", row(0) + "\n" + row(1).substr(0, 20) + "\n" + "\xEF\xBB\xBF" + row(2) +
                                               "\n" + row(3) + ",\n# a comment\n" + row(5) + row(6) + "\n\n" + row(7) +
                                               "\n"));
  ASSERT_EQ(pool.size(), 7);
  std::vector<std::string> reasons;
  for (const auto& problem : pool.problems())
    reasons.push_back(problem.place + ": " + problem.reason + ", " + std::to_string(problem.count));
  EXPECT_THAT(reasons, ElementsAre("line 2: its line ends in the middle of a value, 1",
                                   "line 4: its line goes on after the object, 3"));
  EXPECT_EQ(pool.sample(2).id, "2");
  EXPECT_EQ(pool.sample(6).id, "7");
  EXPECT_THAT(refusal("{\n\"id\": 1\n}\n"), HasSubstr("objects of several lines stand in an array"));
  EXPECT_THAT(refusal(row(0) + "\r" + row(1) + "\r"), HasSubstr("carriage returns alone"));
}

TEST(Pool, EveryCutOfAnArrayIsRefused) {
  const std::string whole = std::string("[{\"id\": 1, ") + kTurn + "}, {\"id\": \"\\\\\\\"\", " + kTurn + "}]";
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(refusal(whole.substr(0, size)), "nothing was thrown") << size;
  EXPECT_EQ(refusal(whole), "nothing was thrown");
}

TEST(Pool, RefusesWhatIsNoPool) {
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("[]"), HasSubstr("has no samples"));
  EXPECT_THAT(refusal("id,image"), HasSubstr("begins with 'i'"));
  EXPECT_THAT(refusal("version https://git-lfs.github.com/spec/v1\noid"), HasSubstr("is a Git LFS pointer"));
  EXPECT_THAT(refusal("[1, 2]"), HasSubstr("no usable row"));
  EXPECT_THAT(refusal("[{\"id\": tru}]"), HasSubstr("no usable row; row 0: not JSON: "));
  EXPECT_THROW(Pool("/nowhere/pool.json"), UserError);
}

TEST(Pool, NullAndEmptyMeanAbsent) {
  const std::string messages =
      R"("messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}])";
  const Pool pool(
      write("null.json",
            "[{\"id\": 1, \"conversations\": null, \"image\": null, \"system\": null, "
            "\"source\": null, \"images\": [\"a.png\"], " +
                messages + "},\n{\"id\": 2, \"conversations\": [], \"image\": \"\", \"images\": \"a.png\", " +
                messages + "},\n{\"id\": 3, \"messages\": null, \"images\": [], \"image\": \"a.png\", " + kTurn +
                "},\n{\"id\": 4, \"image\": \"a.png\", \"messages\": [{\"role\": \"system\", \"content\": null}, "
                "{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", \"content\": \"ho\"}]}]"),
      "/r");
  EXPECT_EQ(pool.size(), 4);
  EXPECT_THAT(pool.problems(), IsEmpty());
  pool.for_each([](const Sample& sample) {
    EXPECT_EQ(sample.turns.size(), 2U) << sample.row;
    EXPECT_THAT(sample.images, ElementsAre("/r/a.png")) << sample.row;
  });
}

TEST(Pool, WhatIsSaidInTwoSpellingsCountsOnce) {
  const Pool pool(
      write("both.json",
            std::string("[{\"id\": 1, \"image\": \"a.png\", \"images\": [\"a.png\"], ") + kTurn +
                "},\n{\"id\": 2, \"image\": \"a.png\", \"images\": [\"b.png\"], " + kTurn +
                "},\n{\"id\": 3, \"image\": \"a.png\", \"images\": [\"b.png\"], \"system\": \"Be brief.\", "
                "\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", "
                "\"content\": \"x\"}]},\n{\"id\": 4, \"messages\": [{\"role\": \"user\", \"content\": \"x\"}], " +
                kTurn +
                "},\n{\"id\": 5, \"system\": \"A\", \"messages\": [{\"role\": \"system\", \"content\": \"B\"}, "
                "{\"role\": \"user\", \"content\": \"x\"}]}]"),
      "/r");
  EXPECT_THAT(pool.sample(0).images, ElementsAre("/r/a.png"));
  EXPECT_THAT(pool.sample(1).images, ElementsAre("/r/a.png"));
  EXPECT_THAT(pool.sample(2).images, ElementsAre("/r/b.png"));
  EXPECT_EQ(pool.sample(2).turns.size(), 2U);
  EXPECT_EQ(pool.sample(3).turns[0].text, "<image>\nWhat?");
  EXPECT_EQ(pool.sample(4).turns[0].text, "B");
  std::vector<std::string> reasons;
  for (const auto& problem : pool.problems()) {
    EXPECT_FALSE(problem.rejected);
    reasons.push_back(std::to_string(problem.row) + ": " + problem.reason);
  }
  EXPECT_THAT(reasons, ElementsAre("1: 'images' differs from 'image', which counts",
                                   "2: 'image' differs from 'images', which counts",
                                   "3: 'messages' differs from 'conversations', which counts",
                                   "4: 'system' differs from the first message, which counts"));
}

TEST(Pool, ReadsExchangesAndMessagesInParts) {
  const Pool pool(
      write(
          "spellings.jsonl",
          R"({"id": 1, "images": ["a.png", "b.png"], "texts": [{"user": "Q1", "assistant": "A1", "source": "x"}, {"user": "Q2", "assistant": "A2"}]}
{"id": 2, "images": ["c.png"], "messages": [{"role": "user", "content": [{"type": "image", "text": null}, {"type": "text", "text": "Q"}, {"text": "?"}]}, {"role": "assistant", "content": [{"type": "text", "text": "A"}]}]}
{"id": 3, "messages": [{"role": "user", "content": [{"type": "image", "image": "file:///d.png"}, {"type": "text", "text": " or "}, {"type": "image_url", "image_url": {"url": "e.png"}}]}, {"role": "assistant", "content": "A"}]}
{"id": 4, "messages": [{"role": "user", "content": [{"type": "video", "video": "v.mp4"}]}]}
{"id": 5, "messages": [{"role": "user", "content": ["Q"]}]}
{"id": 6, "texts": [{"user": "Q", "assistant": null}]}
{"id": 7, "texts": ["a caption"], "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}
{"id": 8, "conversations": {"from": ["human", "gpt"], "value": ["Q", "A"]}}
{"id": 9, "conversations": {"from": ["human", "gpt"], "value": ["Q"]}}
{"id": 10, "conversations": {"from": [], "value": []}}
)"),
      "/root");
  const auto spoken = [&](std::int64_t row) {
    std::string text;
    for (const auto& turn : pool.sample(row).turns)
      text += (turn.role == Role::kUser ? "user: " : "assistant: ") + turn.text + "|";
    return text;
  };
  EXPECT_EQ(spoken(0), "user: Q1|assistant: A1|user: Q2|assistant: A2|");
  EXPECT_THAT(pool.sample(0).images, ElementsAre("/root/a.png", "/root/b.png"));
  EXPECT_EQ(pool.sample(0).source, "x");
  EXPECT_EQ(spoken(1), "user: <image>Q?|assistant: A|");
  EXPECT_THAT(pool.sample(1).images, ElementsAre("/root/c.png"));
  EXPECT_EQ(spoken(2), "user: <image> or <image>|assistant: A|");
  EXPECT_THAT(pool.sample(2).images, ElementsAre("/d.png", "/root/e.png"));
  EXPECT_EQ(pool.reject_reason(3), "messages[0].content[0] is of the type 'video', which is neither text nor image");
  EXPECT_EQ(pool.reject_reason(4), "messages[0].content[0] is not an object");
  EXPECT_EQ(pool.reject_reason(5), "texts[0].assistant is missing or not a string");
  EXPECT_EQ(spoken(6), "user: Q|assistant: A|");
  EXPECT_EQ(spoken(7), "user: Q|assistant: A|");
  EXPECT_EQ(pool.reject_reason(8),
            "'conversations' is neither a list nor two lists of the same length, 'from' and 'value'");
  EXPECT_EQ(pool.reject_reason(9), "empty conversation");
  EXPECT_EQ(pool.problems().size(), 5U);
}

TEST(Pool, ReadsJsonAsPythonDoes) {
  const Pool pool(
      write("python.json", std::string("[{\"id\": 1, \"score\": NaN, \"more\": [Infinity, -Infinity, 1e999], ") +
                               kTurn + "},\n{\"id\": 123456789012345678901234567890, " + kTurn +
                               "},\n{\"id\": \"NaN \\ud83d\", \"note\": \"\\ud83d\\ude00 \\\\ud83d\", " + kTurn +
                               "},\n{\"id\": \"\xff\xe2\x82\", " + kTurn + "}]"));
  EXPECT_EQ(pool.sample(0).id, "1");
  EXPECT_EQ(pool.sample(1).id, "123456789012345678901234567890");
  EXPECT_EQ(pool.sample(2).id, "NaN \xEF\xBF\xBD");
  EXPECT_EQ(pool.sample(3).id, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_TRUE(pool.raw(0).starts_with("{\"id\": 1, \"score\": NaN,"));
  ASSERT_EQ(pool.problems().size(), 1U);
  EXPECT_EQ(pool.problems()[0].reason, "characters that are not Unicode are read as U+FFFD");
  EXPECT_FALSE(pool.problems()[0].rejected);
  EXPECT_EQ(pool.problems()[0].row, 2);
  EXPECT_EQ(pool.problems()[0].count, 2);
}

TEST(Pool, ARowThatIsNotJsonIsRejectedAlone) {
  const Pool pool(write(
      "bad_row.json", std::string("[{\"id\": 1, ") + kTurn + "},\n{\"id\": tru, " + kTurn + "},\n{\"id\": \"a\tb\", " +
                          kTurn + "},\n{\"id\": 0123456789012345678901, " + kTurn + "},\n{\"id\": 5, " + kTurn + "}]"));
  EXPECT_EQ(pool.reject_reason(0), "");
  for (const int row : {1, 2, 3}) EXPECT_THAT(pool.reject_reason(row), ::testing::StartsWith("not JSON: ")) << row;
  EXPECT_EQ(pool.sample(4).id, "5");
}

TEST(Pool, NamesUtf16AndBytesThatCannotBePrinted) {
  EXPECT_THAT(refusal(std::string("\xFF\xFE[\0", 4)), HasSubstr("is UTF-16 text, but UTF-8 is expected"));
  EXPECT_THAT(refusal("\x80x"), HasSubstr("begins with the byte 0x80"));
}

TEST(Pool, LeavesPathsUpwardsToTheSystem) {
  const auto folder = fs::path(::testing::TempDir()) / "pool_test_links";
  fs::remove_all(folder);
  fs::create_directories(folder / "store" / "val");
  fs::create_directories(folder / "play");
  fs::create_directory_symlink("../store/val", folder / "play" / "coco");
  std::ofstream(folder / "store" / "0.png") << "x";
  const Pool pool(write("up.json", std::string("[{\"id\": 1, \"image\": \"../0.png\", ") + kTurn +
                                       "}, {\"id\": 2, \"image\": \"./a//0.png\", " + kTurn + "}]"),
                  folder / "play" / "coco");
  EXPECT_TRUE(fs::exists(pool.sample(0).images[0])) << pool.sample(0).images[0];
  EXPECT_EQ(pool.sample(1).images[0], (folder / "play/coco/a/0.png").string());
}

TEST(Pool, DigestFollowsContentAndImagesButNotPlace) {
  const FileDigests digests(fs::path(::testing::TempDir()) / "pool_digests");
  const std::string text = std::string("[{\"id\": 1, \"image\": \"i.png\", ") + kTurn + "}]";
  const auto a = write("digest_a.json", text);
  const auto before = Pool(a).digest(digests);
  EXPECT_EQ(before.size(), 64U);
  EXPECT_EQ(Pool(a).digest(digests), before);
  write("i.png", "123");
  const auto with_image = Pool(a).digest(digests);
  EXPECT_NE(with_image, before);
  // Caches of earlier versions know the pool by this.
  const std::string images[] = {(a.parent_path() / "i.png").string()};
  EXPECT_EQ(with_image, sha256(text + "\n" + digest_files(images, digests)));
  EXPECT_EQ(digest_files(images, digests), sha256(sha256("123") + "\n"));
  const auto moved = fs::path(::testing::TempDir()) / "pool_moved";
  fs::create_directories(moved);
  fs::copy_file(a, moved / "b.json", fs::copy_options::overwrite_existing);
  fs::copy_file(a.parent_path() / "i.png", moved / "i.png", fs::copy_options::overwrite_existing);
  EXPECT_EQ(Pool(moved / "b.json").digest(digests), with_image);
  write("i.png", "321");
  EXPECT_NE(Pool(a).digest(digests), with_image) << "another picture of the same size";
  fs::remove(a.parent_path() / "i.png");
}

TEST(Pool, PicturesMayBeNullOrStructsWithAPath) {
  const Pool pool(write("structs.jsonl", std::string("{\"id\": 1, \"images\": [\"a.png\", null], ") + kTurn +
                                             "}\n{\"id\": 2, \"image\": {\"bytes\": null, \"path\": \"b.png\"}, " +
                                             kTurn + "}\n{\"id\": 3, \"image\": {\"bytes\": null, \"path\": null}, " +
                                             kTurn + "}\n"));
  EXPECT_EQ(pool.sample(0).images.size(), 1U);
  EXPECT_TRUE(pool.sample(1).images.at(0).ends_with("b.png"));
  EXPECT_TRUE(pool.usable(2));
  EXPECT_THAT(pool.sample(2).images, IsEmpty());
}

}  // namespace
}  // namespace scalselect
