#include "vlm/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::vlm {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

const std::filesystem::path kReference = std::filesystem::path(SCALSELECT_TEST_DATA) / "reference.safetensors";

std::filesystem::path folder() { return std::filesystem::path(testing::TempDir()) / "safetensors_test"; }

std::string header_and(const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data_bytes, '\0');
}

/// The message for a file with these bytes.
std::string message(const std::string& bytes) {
  const auto file = folder() / "x.safetensors";
  write_file_atomically(file, bytes);
  try {
    SafetensorsFile{file};
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.problem(), HasSubstr("x.safetensors"));
    return error.problem();
  }
  return "opened";
}

TEST(Safetensors, ReadsWhatHuggingFaceWrote) {
  const SafetensorsFile file(kReference);
  EXPECT_EQ(file.names().size(), 10u);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_TRUE(torch::equal(file.tensor("b.weight"), torch::arange(6, torch::kFloat).reshape({2, 3}) / 4));
  EXPECT_TRUE(torch::equal(file.tensor("a.ids"), torch::tensor({1, -2, 3}, torch::kLong)));
  EXPECT_TRUE(torch::equal(file.tensor("z.half"), torch::tensor({0.5, -1.5}, torch::kHalf).reshape({2, 1})));
  EXPECT_EQ(file.tensor("c.double").dim(), 0);
  EXPECT_EQ(file.tensor("c.double").item<double>(), 2.25);
  EXPECT_EQ(file.tensor("d.bytes")[1].item<int>(), 255);
  EXPECT_TRUE(torch::equal(file.tensor("e.flags"), torch::tensor({1, 0}).to(torch::kBool)));
  EXPECT_EQ(file.tensor("f.empty").sizes(), (torch::IntArrayRef{0, 4}));
  EXPECT_EQ(file.tensor("g.small").item<int>(), -3);
  EXPECT_EQ(file.tensor("h.int").item<int>(), 70000);
  EXPECT_EQ(file.tensor("i.short").item<int>(), -300);
  EXPECT_EQ(file.shape("b.weight"), (std::vector<std::int64_t>{2, 3}));
  EXPECT_TRUE(file.has("a.ids"));
  EXPECT_FALSE(file.has("a"));
}

TEST(Safetensors, TensorsOutliveTheFile) {
  torch::Tensor tensor;
  {
    const SafetensorsFile file(kReference);
    tensor = file.tensor("b.weight");
  }
  EXPECT_EQ(tensor.sum().item<float>(), 15.0f / 4);
}

TEST(Safetensors, WritesTheBytesThatHuggingFaceWrites) {
  const SafetensorsFile file(kReference);
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& name : file.names()) tensors.emplace_back(name, file.tensor(name));
  const auto copy = folder() / "copy.safetensors";
  write_safetensors(copy, tensors);
  EXPECT_EQ(read_file(copy), read_file(kReference));
}

TEST(Safetensors, KeepsBfloat16AndViews) {
  const auto file = folder() / "bf16.safetensors";
  const auto matrix = torch::randn({4, 3}).to(torch::kBFloat16);
  write_safetensors(file, {{"m", matrix}, {"t", matrix.t()}}, {});
  const SafetensorsFile read(file);
  EXPECT_TRUE(torch::equal(read.tensor("m"), matrix));
  EXPECT_TRUE(torch::equal(read.tensor("t"), matrix.t()));
  EXPECT_TRUE(read.metadata().empty());
}

TEST(Safetensors, CopiesTensorsThatAreNotAligned) {
  const auto bytes = header_and(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                5);
  write_file_atomically(folder() / "odd.safetensors", bytes);
  EXPECT_EQ(SafetensorsFile(folder() / "odd.safetensors").tensor("b").item<float>(), 0.0f);
}

TEST(Safetensors, RefusesBrokenFiles) {
  const auto whole = read_file(kReference);
  EXPECT_THAT(message("abc"), HasSubstr("it has 3 bytes, fewer than the 8"));
  EXPECT_THAT(message(whole.substr(0, whole.size() - 1)), HasSubstr("(the file is cut short)"));
  EXPECT_THAT(message(whole.substr(0, 50)), HasSubstr("it announces a header of "));
  EXPECT_THAT(message(whole + "x"), HasSubstr("1 bytes follow the last tensor."));
  auto lying = whole;
  lying[7] = '\x7f';
  EXPECT_THAT(message(lying), HasSubstr("it announces a header of "));
  EXPECT_THAT(message(header_and("{\"a\": 1", 0)), HasSubstr("its header is not JSON."));
  EXPECT_THAT(message(header_and("[]", 0)), HasSubstr("its header is not a JSON object."));
  EXPECT_THAT(message(header_and(R"({"a": 1})", 0)),
              HasSubstr("tensor 'a' lacks a valid dtype, shape or data_offsets."));
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_EQ(message(header_and("{" + a + "}", 8)), "opened");
  EXPECT_EQ(message(header_and("{" + a + "}   ", 8)), "opened");
  EXPECT_THAT(message(header_and("{" + a + "," + a + "}", 8)), HasSubstr("its header names tensor 'a' twice."));
  EXPECT_THAT(message(header_and("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8)),
              HasSubstr("tensor 'b' overlaps its predecessor."));
  EXPECT_THAT(message(header_and("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16)),
              HasSubstr("tensor 'b' leaves a gap after its predecessor."));
  EXPECT_THAT(message(header_and(R"({"a":{"dtype":"F8_X","shape":[1],"data_offsets":[0,1]}})", 1)),
              HasSubstr("tensor 'a' has the unknown dtype 'F8_X'."));
  EXPECT_THAT(message(header_and(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8)),
              HasSubstr("tensor 'a' has offsets [0, 8], which do not fit its shape and dtype."));
  EXPECT_THAT(message(header_and(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0)),
              HasSubstr("which do not fit its shape and dtype."));
  EXPECT_THAT(message(header_and(R"({"__metadata__":{"k":1}})", 0)), HasSubstr("entry 'k' is not a string."));
}

template <class Body>
std::string refusal(const Body& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.problem();
  }
  return "nothing was thrown";
}

TEST(SafetensorsFolder, ReadsShards) {
  const auto root = folder() / "sharded";
  write_safetensors(root / "model-00001-of-00002.safetensors", {{"a", torch::ones({2})}});
  write_safetensors(root / "model-00002-of-00002.safetensors", {{"b", torch::zeros({3})}});
  const auto index = [&](const std::string& map) {
    write_file_atomically(root / "model.safetensors.index.json", R"({"metadata": {}, "weight_map": )" + map + "}");
  };
  index(R"({"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"})");
  const SafetensorsFolder weights(root);
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(weights.files().size(), 2u);
  EXPECT_EQ(weights.tensor("b").numel(), 3);
  EXPECT_EQ(weights.shape("a"), (std::vector<std::int64_t>{2}));
  EXPECT_THROW(weights.tensor("c"), UserError);

  // A tensor that is in another listed shard is read from there.
  write_safetensors(root / "model-00001-of-00002.safetensors", {{"a", torch::ones({2})}, {"d", torch::ones({4})}});
  index(R"({"a": "model-00002-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
            "d": "model-00001-of-00002.safetensors"})");
  testing::internal::CaptureStderr();
  const SafetensorsFolder wrong(root);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("says that tensor 'a' is in 'model-00002-of-00002.safetensors', but it is read from "
                        "'model-00001-of-00002.safetensors', which holds it"));
  EXPECT_EQ(wrong.tensor("a").numel(), 2);

  // One that no listed shard holds is an error when it is asked for.
  index(R"({"a": "model-00002-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
            "c": "model-00003-of-00003.safetensors"})");
  const SafetensorsFolder stale(root);
  EXPECT_EQ(stale.tensor("b").numel(), 3);
  EXPECT_TRUE(stale.has("b") && !stale.has("a") && !stale.has("c"));
  const auto asked = [&](const char* name) { return refusal([&] { stale.tensor(name); }); };
  EXPECT_THAT(asked("a"),
              EndsWith("says that tensor 'a' is in 'model-00002-of-00002.safetensors', which does not hold it."));
  EXPECT_THAT(asked("c"), EndsWith("says that tensor 'c' is in 'model-00003-of-00003.safetensors', which is missing."));
  const auto opened = [&] { SafetensorsFolder{root}; };
  index(R"({"a": "model-00003-of-00003.safetensors"})");
  EXPECT_THAT(refusal(opened), HasSubstr("names 1 tensors in files that do not exist"));
  index(R"({"a": "../x.safetensors"})");
  EXPECT_THAT(refusal(opened), HasSubstr("which is not a plain file name"));
  // The whole file comes before an index, as in transformers.
  write_safetensors(root / "model.safetensors", {{"whole", torch::ones({1})}});
  EXPECT_EQ(SafetensorsFolder(root).names(), std::vector<std::string>{"whole"});
}

TEST(Safetensors, ADtypeThatIsNotReadDisturbsNobodyWhoDoesNotAskForIt) {
  const auto file = folder() / "float8.safetensors";
  std::string header = R"({"plain":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                       R"("small":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[4,7]},)"
                       R"("tiny":{"dtype":"F4","shape":[2,4],"data_offsets":[7,11]}})";
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size() & 0xff);
  length[1] = static_cast<char>(header.size() >> 8);
  write_file_atomically(file, length + header + std::string(11, '\0'));
  const SafetensorsFile weights(file);
  EXPECT_EQ(weights.tensor("plain").numel(), 1);
  EXPECT_EQ(weights.shape("tiny"), (std::vector<std::int64_t>{2, 4}));
  const auto message = refusal([&] { weights.tensor("small"); });
  EXPECT_THAT(message, HasSubstr("'small'"));
  EXPECT_THAT(message, HasSubstr("is stored as F8_E4M3, which is not supported"));
}

TEST(SafetensorsFolder, NamesAFolderWithoutWeights) {
  const auto empty = folder() / "empty";
  std::filesystem::create_directories(empty);
  EXPECT_THROW(SafetensorsFolder{empty}, UserError);
  EXPECT_EQ(SafetensorsFolder(kReference).names().size(), 10u);
}

TEST(Safetensors, SuggestsTheNearestName) {
  try {
    SafetensorsFile(kReference).tensor("b.wieght");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.problem(), EndsWith("holds no tensor 'b.wieght'. Did you mean 'b.weight'?"));
  }
}

}  // namespace
}  // namespace scalselect::vlm
