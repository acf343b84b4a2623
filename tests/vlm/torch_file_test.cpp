// PyTorch's .bin files, against what torch.save wrote (golden/make_torch_files.py).
#include "vlm/torch_file.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/pickle.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::filesystem::path kFiles = golden_folder("torch_files");

TEST(TorchFile, ReadsWhatTorchWrote) {
  const TorchFile file(kFiles / "state.bin");
  const SafetensorsFile expected(kFiles / "state.safetensors");
  EXPECT_EQ(file.names(), expected.names());
  for (const auto& name : expected.names()) {
    const auto tensor = file.tensor(name);
    EXPECT_EQ(tensor.scalar_type(), expected.tensor(name).scalar_type()) << name;
    EXPECT_TRUE(torch::equal(tensor, expected.tensor(name))) << name;
    EXPECT_EQ(file.shape(name), tensor.sizes().vec()) << name;
  }
}

TEST(WeightFiles, ReadEitherStorage) {
  const WeightFiles torch_file(kFiles / "state.bin"), safe(kFiles / "state.safetensors");
  EXPECT_EQ(torch_file.names(), safe.names());
  for (const auto& name : safe.names()) {
    EXPECT_EQ(torch_file.shape(name), safe.shape(name)) << name;
    torch_file.release(name), safe.release(name);
    EXPECT_TRUE(torch_file.has(name));
    EXPECT_TRUE(torch::equal(torch_file.tensor(name), safe.tensor(name))) << name;
  }
  EXPECT_FALSE(torch_file.has("none"));
}

TEST(WeightFiles, SayWhatAFolderHasInTheirPlace) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "weights_seen";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto message = [&] {
    try {
      WeightFiles{folder};
    } catch (const UserError& error) {
      return error.problem();
    }
    return std::string("opened");
  };
  EXPECT_THAT(message(), HasSubstr("no weights under the names of Hugging Face"));
  write_file_atomically(folder / "model-00001-of-00002.safetensors", "x");
  write_file_atomically(folder / "model.gguf", "x");
  EXPECT_THAT(message(), HasSubstr("; it has 'model-00001-of-00002.safetensors' and 1 more"));
  std::filesystem::create_symlink("blob", folder / "model.safetensors");
  EXPECT_THAT(message(), HasSubstr("its 'model.safetensors' is a link to a file that is missing"));
  std::filesystem::copy_file(kFiles / "state.bin", folder / "pytorch_model.bin");
  EXPECT_EQ(message(), "opened");
}

TEST(TorchFile, TensorsOutliveTheFile) {
  torch::Tensor tensor;
  {
    const TorchFile file(kFiles / "state.bin");
    tensor = file.tensor("plain");
  }
  EXPECT_EQ(tensor.sum().item<float>(), 15.0f);
}

std::string message(const std::filesystem::path& file) {
  try {
    TorchFile{file};
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.problem(), HasSubstr(file.string()));
    return error.problem();
  }
  return "opened";
}

TEST(TorchFile, RunsNothingThatAPickleAsksFor) {
  EXPECT_THAT(message(kFiles / "evil.bin"), AllOf(HasSubstr("'posix.system'"), HasSubstr("nothing of it was run")));
  EXPECT_THAT(message(kFiles / "legacy.bin"), HasSubstr("PyTorch before 1.6"));
  EXPECT_THAT(message(kFiles / "list.bin"), HasSubstr("holds no dictionary of tensors"));
}

TEST(TorchFile, RefusesEveryShorterFile) {
  const auto whole = read_file(kFiles / "state.bin");
  const auto cut = std::filesystem::path(testing::TempDir()) / "cut.bin";
  for (std::size_t keep = 0; keep < whole.size(); keep += 41) {
    write_file_atomically(cut, whole.substr(0, keep));
    EXPECT_NE(message(cut), "opened") << keep;
  }
}

std::string pickle_message(const std::string& bytes) {
  try {
    read_state_dict_pickle(bytes, "x.bin");
  } catch (const UserError& error) {
    return error.problem();
  }
  return "read";
}

TEST(Pickle, RefusesWhatNoStateDictNeeds) {
  EXPECT_EQ(pickle_message("\x80\x02}."), "read");
  EXPECT_THAT(pickle_message("\x80\x02}"), HasSubstr("cut short"));
  EXPECT_THAT(pickle_message("\x80\x02."), HasSubstr("damaged pickle"));
  EXPECT_THAT(pickle_message("\x80\x02h\x05."), HasSubstr("reads what it never stored"));
  EXPECT_THAT(pickle_message("\x80\x02i"), HasSubstr("instruction 0x69"));
  EXPECT_THAT(pickle_message("cbuiltins\neval\n."), HasSubstr("'builtins.eval'"));
  EXPECT_THAT(pickle_message(std::string("\x80\x02") + std::string(200000, ']') + std::string(199999, 'a') + "."),
              HasSubstr("holds no dictionary"));  // nested deeply: no recursion
}

TEST(Pickle, RefusesTensorsBeyondTheirStorage) {
  const auto tensor = [](const std::string& size, const std::string& stride, char offset = 0) {
    return "\x80\x02}X\x01" + std::string(3, '\0') + "actorch._utils\n_rebuild_tensor_v2\n((X\x07" +
           std::string(3, '\0') + "storagectorch\nFloatStorage\nX\x01" + std::string(3, '\0') + "0X\x03" +
           std::string(3, '\0') + "cpuK\x06tQK" + std::string(1, offset) + "(" + size + "t(" + stride + "ttRs.";
  };
  EXPECT_EQ(pickle_message(tensor("K\x02K\x03", "K\x03K\x01")), "read");
  EXPECT_THAT(pickle_message(tensor("K\x02K\x03", "K\x04K\x01")), HasSubstr("beyond its storage"));
  EXPECT_THAT(pickle_message(tensor("K\x02", "K\x04K\x01")), HasSubstr("beyond its storage"));
  const std::string huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
  EXPECT_THAT(pickle_message(tensor(huge + huge, huge + huge)), HasSubstr("beyond its storage"));
  EXPECT_THAT(pickle_message(tensor("J\xff\xff\xff\xff", "K\x01")), HasSubstr("negative"));
  const std::string zero("K\0", 2);
  EXPECT_EQ(pickle_message(tensor(zero, "K\x01", 6)), "read");
  EXPECT_THAT(pickle_message(tensor(zero, "K\x01", 7)), HasSubstr("beyond its storage"));
}

}  // namespace
}  // namespace scalselect::vlm
