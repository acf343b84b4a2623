#include "vlm/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::vlm {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kGolden = std::filesystem::path(SCALSELECT_TEST_DATA) / "tokenizers";

std::string from_base64(std::string_view text) {
  const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<std::uint32_t>(alphabet.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count);
  }
  return bytes;
}

/// Against Hugging Face's own library (golden/make_tokenizers.py).
class TokenizerGolden : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, AgreesWithHuggingFace) {
  const auto tokenizer = Tokenizer::load(kGolden / GetParam());
  std::ifstream in(kGolden / (std::string(GetParam()) + ".jsonl"));
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto row = Json::parse(line);
    const auto text = row["in"].get<std::string>();
    const auto encoded = tokenizer.encode(text);
    std::vector<std::int64_t> spans;
    for (const auto& span : encoded.offsets) spans.insert(spans.end(), {span.begin, span.end});
    EXPECT_EQ(Json(encoded.ids).dump(), row["ids"].dump()) << line;
    EXPECT_EQ(Json(spans).dump(), row["spans"].dump()) << line;
    EXPECT_EQ(tokenizer.decode(encoded.ids, true), row["text"].get<std::string>()) << line;
    EXPECT_EQ(tokenizer.decode(encoded.ids, false), row["full"].get<std::string>()) << line;
  }
  EXPECT_GE(lines, 200);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerGolden,
                         testing::Values("word_piece", "word_piece_cased", "qwen", "gpt2", "llama_legacy", "llama",
                                         "word_level", "metaspace_bpe"),
                         [](const auto& info) { return std::string(info.param); });

/// golden.jsonl of a tokenizer's folder (golden/make_sentencepiece.py, golden/check_tokenizer.py).
void expect_golden_agrees(const std::filesystem::path& folder) {
  const auto tokenizer = Tokenizer::load(folder);
  std::ifstream in(folder / "golden.jsonl");
  int lines = 0, wrong = 0;
  for (std::string line; std::getline(in, line) && wrong < 10; ++lines) {
    const auto row = Json::parse(line);
    const auto encoded = tokenizer.encode(from_base64(row["in"].get<std::string>()));
    const bool same = Json(encoded.ids) == row["ids"] && tokenizer.decode(encoded.ids) == row["text"];
    wrong += same ? 0 : 1;
    EXPECT_TRUE(same) << line << "\nours: " << Json(encoded.ids) << "\n" << Json(tokenizer.decode(encoded.ids));
  }
  EXPECT_GE(lines, 250);
}

TEST(Tokenizer, SentencePieceModelsGiveHuggingFacesIds) {
  expect_golden_agrees(kGolden.parent_path() / "sentencepiece" / "legacy");
  expect_golden_agrees(kGolden.parent_path() / "sentencepiece" / "plain");
}

TEST(Tokenizer, AgreesOnALargeCorpus) {
  const char* corpus = std::getenv("SCALSELECT_TOKENIZER_CORPUS");
  if (corpus == nullptr) GTEST_SKIP() << "made by golden/check_tokenizer.py and named by SCALSELECT_TOKENIZER_CORPUS";
  expect_golden_agrees(corpus);
}

TEST(Tokenizer, SentencePieceNamesItsSpecialTokens) {
  const auto file = kGolden.parent_path() / "sentencepiece" / "legacy" / "tokenizer.model";
  const auto folder = std::filesystem::path(testing::TempDir()) / "sentencepiece_alone";
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(file, folder / "tokenizer.model", std::filesystem::copy_options::overwrite_existing);
  const auto tokenizer = Tokenizer::load(folder);
  EXPECT_EQ(tokenizer.unk_id(), 0);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_EQ(tokenizer.pad_id(), std::nullopt);
  const auto whole = read_file(file);
  for (std::size_t keep = 0; keep < whole.size(); keep += 97) {
    write_file_atomically(folder / "tokenizer.model", whole.substr(0, keep));
    try {
      Tokenizer::load(folder);
    } catch (const UserError& error) {
      EXPECT_THAT(error.problem(), HasSubstr("tokenizer.model"));
    }
  }
}

TEST(Tokenizer, MarksWhatThePostProcessorAdds) {
  const auto tokenizer = Tokenizer::load(kGolden / "word_piece");
  const auto encoded = tokenizer.encode("a cat");
  ASSERT_GE(encoded.ids.size(), 3u);
  EXPECT_EQ(encoded.special.front(), 1);
  EXPECT_EQ(encoded.special.back(), 1);
  EXPECT_EQ(encoded.offsets.front(), ByteSpan{});
  const auto plain = tokenizer.encode("a cat", false);
  EXPECT_EQ(plain.ids.size() + 2, encoded.ids.size());
  EXPECT_EQ(std::count(plain.special.begin(), plain.special.end(), 1), 0);
}

TEST(Tokenizer, RepairsIllFormedText) {
  const auto tokenizer = Tokenizer::load(kGolden / "llama");
  EXPECT_EQ(tokenizer.encode("a\xff\xc3(").ids, tokenizer.encode("a\ufffd\ufffd(").ids);
}

TEST(Tokenizer, ReadsNamedTokensAndOlderAddedTokens) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "tokenizer_test";
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(kGolden / "llama_legacy" / "tokenizer.json", folder / "tokenizer.json",
                             std::filesystem::copy_options::overwrite_existing);
  write_file_atomically(folder / "tokenizer_config.json",
                        R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": "<pad>",
                            "added_tokens_decoder": {"900": {"content": "<extra>", "special": true}}})");
  write_file_atomically(folder / "special_tokens_map.json", R"({"unk_token": "<unk>"})");
  const auto tokenizer = Tokenizer::load(folder);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_EQ(tokenizer.unk_id(), 0);
  EXPECT_EQ(tokenizer.pad_id(), tokenizer.token_to_id("<pad>"));
  EXPECT_EQ(tokenizer.token_to_id("<extra>"), 900);
  EXPECT_TRUE(tokenizer.is_special(900));
  EXPECT_EQ(tokenizer.vocab_size(), 901);
  EXPECT_THAT(tokenizer.encode("<extra>", false).ids, ElementsAre(900));
}

/// transformers' LlamaTokenizerFast replaces the post-processor of tokenizer.json; PreTrainedTokenizerFast does not.
TEST(Tokenizer, LlamaClassesPutTheEndsThatTheConfigurationAsksFor) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "tokenizer_test_ends";
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(kGolden / "llama_legacy" / "tokenizer.json", folder / "tokenizer.json",
                             std::filesystem::copy_options::overwrite_existing);
  const auto ids = [&](const std::string& settings) {
    write_file_atomically(folder / "tokenizer_config.json",
                          R"({"bos_token": "<s>", "eos_token": "</s>")" + settings + "}");
    return Tokenizer::load(folder).encode("hello").ids;
  };
  const auto usual = ids("");
  ASSERT_EQ(usual.front(), 1);
  const std::vector<std::int64_t> bare(usual.begin() + 1, usual.end());
  auto ended = bare;
  ended.push_back(2);
  EXPECT_EQ(ids(R"(, "tokenizer_class": "LlamaTokenizerFast")"), usual);
  EXPECT_EQ(ids(R"(, "tokenizer_class": "LlamaTokenizer", "add_bos_token": false)"), bare);
  EXPECT_EQ(ids(R"(, "tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true)"), ended);
  EXPECT_EQ(ids(R"(, "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": false)"), usual);
}

/// Processor seconds for a text of that many repetitions.
double seconds_for(const Tokenizer& tokenizer, int repetitions) {
  std::string text;
  for (int i = 0; i < repetitions; ++i) text += "What is in the picture? 12 circles, \xe4\xbd\xa0 ";
  const auto begin = std::clock();
  EXPECT_GT(tokenizer.encode(text).ids.size(), static_cast<std::size_t>(5 * repetitions));
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

TEST(Tokenizer, TakesTimeInProportionToTheText) {
  const auto tokenizer = Tokenizer::load(kGolden / "llama_legacy");  // no pre-tokenizer: the text is one word
  const double little = seconds_for(tokenizer, 500);
  EXPECT_LT(seconds_for(tokenizer, 8000), 16 * 4 * little + 0.05);  // quadratic would be 256 times
}

std::string message(const std::string& json) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "tokenizer_bad";
  write_file_atomically(folder / "tokenizer.json", json);
  try {
    Tokenizer::load(folder);
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.problem();
  }
  return "loaded";
}

const std::string kWords = R"("model": {"type": "WordLevel", "vocab": {"u": 0}, "unk_token": "u"})";

TEST(Tokenizer, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(message("{" + kWords + "}"), "loaded");
  EXPECT_THAT(message("{" + kWords + R"(, "normalizer": {"type": "Precompiled"}})"),
              HasSubstr("tokenizer.json': normalizer 'Precompiled' is not supported."));
  EXPECT_THAT(message("{" + kWords + R"(, "pre_tokenizer": {"type": "UnicodeScripts"}})"),
              HasSubstr("pre_tokenizer 'UnicodeScripts' is not supported."));
  EXPECT_THAT(message("{" + kWords + R"(, "decoder": {"type": "CTC"}})"), HasSubstr("decoder 'CTC' is not supported."));
  EXPECT_THAT(message("{" + kWords + R"(, "post_processor": {"type": "X"}})"),
              HasSubstr("post_processor 'X' is not supported."));
  EXPECT_THAT(message(R"({"model": {"type": "Unigram", "vocab": []}})"),
              HasSubstr("model 'Unigram' is not supported."));
  EXPECT_THAT(message("{" + kWords + R"(, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("},
                                        "behavior": "Isolated"}})"),
              HasSubstr("the regular expression '(' cannot be compiled."));
  EXPECT_THAT(message("[]"), HasSubstr("tokenizer.json' is not a JSON object."));
  EXPECT_THAT(message("{}"), HasSubstr("tokenizer.json': it has no 'model'."));
  EXPECT_THAT(message(R"({"model": null})"), HasSubstr("tokenizer.json': it has no 'model'."));
  EXPECT_THAT(message(R"({"model": {"type": "WordLevel"}})"),
              HasSubstr("tokenizer.json': its 'model' cannot be read: key 'vocab' not found."));
  EXPECT_THAT(message("{" + kWords + R"(, "decoder": {"type": "Sequence", "decoders": 3}})"),
              AllOf(HasSubstr("'decoder'"), Not(HasSubstr("exception"))));
}

TEST(Tokenizer, RefusesWhatWouldNeverEnd) {
  EXPECT_THAT(message("{" + kWords + R"(, "decoder": {"type": "Strip", "content": "", "start": 9000000000000000000}})"),
              HasSubstr("a Strip decoder whose content '' is not one character is not supported."));
  EXPECT_THAT(message("{" + kWords + R"(, "decoder": {"type": "Metaspace", "replacement": ""}})"),
              HasSubstr("a Metaspace decoder whose replacement '' is not one character is not supported."));
}

TEST(Tokenizer, RefusesTreesThatNestTooDeeply) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THAT(message("{" + kWords + R"(, "normalizer": )" + deep + "}"),
              HasSubstr("tokenizer.json' nests its lists and objects too deeply."));
}

TEST(Tokenizer, RefusesBytesOfAffixesThatTheTextDoesNotHave) {
  const std::string model =
      R"({"model": {"type": "BPE", "vocab": {"<0x23>": 0}, "merges": [], "byte_fallback": true, )";
  EXPECT_EQ(message(model + R"("continuing_subword_prefix": ""}})"), "loaded");
  EXPECT_THAT(message(model + R"("continuing_subword_prefix": "##"}})"), HasSubstr("BPE with byte_fallback and a "));
  EXPECT_THAT(message(model + R"("end_of_word_suffix": "#"}})"), HasSubstr("BPE with byte_fallback and a "));
}

TEST(Tokenizer, RefusesIdsThatMergesCannotHold) {
  const std::string model = R"({"model": {"type": "WordLevel", "unk_token": "u", "vocab": {"u": )";
  EXPECT_EQ(message(model + "2147483647}}}"), "loaded");
  for (const std::string id : {"-1", "2147483648", "9223372036854775807", "18446744073709551615"}) {
    EXPECT_THAT(message(model + id + "}}}"), HasSubstr("'u' with the id " + id + ", which is not in 0 to 2^31 - 1."))
        << id;
    EXPECT_NE(message("{" + kWords + R"(, "added_tokens": [{"content": "x", "id": )" + id + "}]}"), "loaded") << id;
  }
}

/// A tokenizer.json with the words "u" and what `entries` adds to it.
Tokenizer tokenizer_of(const std::string& entries) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "tokenizer_entries";
  write_file_atomically(folder / "tokenizer.json", "{" + kWords + ", " + entries + "}");
  return Tokenizer::load(folder);
}

TEST(Tokenizer, TakesNoTokenFromBlanksThatTheOneBeforeHas) {
  const auto tokenizer = tokenizer_of(R"("added_tokens": [{"id": 1, "content": "<a>", "rstrip": true},
                                                          {"id": 2, "content": "\t", "lstrip": true}])");
  EXPECT_THAT(tokenizer.encode("<a> \t ").ids, ElementsAre(1));
  EXPECT_THAT(tokenizer.encode("<a>u\t").ids, ElementsAre(1, 0, 2));
}

TEST(Tokenizer, RefusesNormalizersThatMultiplyAText) {
  const auto twenty = R"({"type": "Replace", "pattern": {"String": "u"}, "content": "uuuuuuuuuuuuuuuuuuuu"})";
  const auto steps = [&](int count) {
    std::string list = twenty;
    for (int i = 1; i < count; ++i) list += std::string(", ") + twenty;
    return tokenizer_of(R"("normalizer": {"type": "Sequence", "normalizers": [)" + list + "]}");
  };
  EXPECT_THAT(steps(2).encode("u").ids, ElementsAre(0));
  try {
    steps(8).encode("u");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.problem(), HasSubstr("bytes out of a text of 1."));
  }
}

TEST(Tokenizer, ExpressionsMatchLongTextsOrSayThatTheyCannot) {
  const auto split = [](const std::string& expression) {
    return tokenizer_of(R"("pre_tokenizer": {"type": "Split", "behavior": "Removed", "pattern": {"Regex": ")" +
                        expression + R"("}})");
  };
  EXPECT_TRUE(split("(a|b|ab)+").encode(std::string(200'000, 'a')).ids.empty());  // more than the JIT's stack holds
  try {
    split("(a|aa)+[QR]").encode(std::string(60, 'a'));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.problem(), HasSubstr("'(a|aa)+[QR]' fails on a text of 60 bytes: match limit exceeded"));
  }
}

TEST(Tokenizer, NamesAMissingFile) {
  try {
    Tokenizer::load(kGolden);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("There is no '"));
    EXPECT_THAT(error.what(), HasSubstr("tokenizer.json"));
  }
}

}  // namespace
}  // namespace scalselect::vlm
