#include "vlm/image_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace scalselect::vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGolden = SCALSELECT_TEST_DATA;

// golden/make_processor.py: equal to the last bit.
TEST(ImageProcessor, AgreesWithHuggingFace) {
  std::ifstream in(kGolden / "processor.tsv");
  std::string config, file, digest;
  int pad = 0, height = 0, width = 0, lines = 0;
  for (; in >> config >> file >> pad >> height >> width >> digest; ++lines) {
    const auto processor = ImageProcessor::load(kGolden / "processor" / (config + ".json"), pad != 0);
    const auto pixels = processor.process(decode_image(kGolden / "../../data/golden/images" / file));
    EXPECT_EQ(pixels.sizes(), (torch::IntArrayRef{3, height, width})) << config << " " << file;
    EXPECT_EQ(sha256({static_cast<const char*>(pixels.data_ptr()), pixels.nbytes()}), digest)
        << config << " " << file << " " << pad;
  }
  EXPECT_GE(lines, 50);
}

std::string message(const std::string& json) {
  const auto file = std::filesystem::path(testing::TempDir()) / "processor_test" / "preprocessor_config.json";
  write_file_atomically(file, json);
  try {
    ImageProcessor::load(file.parent_path());
  } catch (const UserError& error) {
    return error.problem();
  }
  return "loaded";
}

TEST(ImageProcessor, NamesWhatIsWrongInTheFile) {
  EXPECT_EQ(message("{}"), "loaded");
  EXPECT_THAT(message("[]"), HasSubstr("preprocessor_config.json': is not a JSON object."));
  EXPECT_THAT(message(R"({"resample": 2})"), HasSubstr("'resample' is 2, but only 3 (bicubic) is supported."));
  EXPECT_THAT(message(R"({"size": {"shortest_edge": 0}})"), HasSubstr("'size' must be positive."));
  EXPECT_THAT(message(R"({"size": {"longest_edge": 5}})"), HasSubstr("'size' must hold shortest_edge"));
  EXPECT_THAT(message(R"({"crop_size": {"height": 0, "width": 3}})"), HasSubstr("'crop_size' must be positive."));
  EXPECT_THAT(message(R"({"image_std": [0, 1, 1]})"), HasSubstr("'image_std' must not be zero."));
  EXPECT_THAT(message(R"({"image_mean": "x"})"), HasSubstr("the value of 'image_mean' has the wrong type"));
}

}  // namespace
}  // namespace scalselect::vlm
