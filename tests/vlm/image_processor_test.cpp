#include "vlm/image_processor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "tests/message_of.h"
#include "vlm/qwen_vision.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {
namespace {

using testing::AllOf;
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

QwenVisionConfig patches(int side) {
  QwenVisionConfig config;
  config.patch_size = side;
  return config;
}

// golden/make_qwen_processor.py: equal to the last bit.
TEST(ImageProcessor, ComputesOnlyWhatTheCropKeeps) {
  // 1 x N pixels: the resized image would have 224 x 224 N. Its middle is the middle of a shorter one's.
  constexpr int kLong = 1'000'000, kShort = 100;
  Image tall{1, kLong, {}}, part{1, kShort, {}};
  for (std::uint32_t i = 0; i < 3 * kLong; ++i) tall.rgb.push_back(static_cast<std::uint8_t>(i * 2654435761u >> 23));
  const auto middle = tall.rgb.begin() + 3 * (kLong - kShort) / 2;
  part.rgb.assign(middle, middle + 3 * kShort);
  const ImageProcessor processor({});
  Image wide = tall;
  std::swap(wide.width, wide.height);
  for (const auto& image : {tall, wide}) {
    Image shorter = part;
    if (image.width > 1) std::swap(shorter.width, shorter.height);
    const auto pixels = processor.geometry(image), expected = processor.geometry(shorter);
    ASSERT_EQ(pixels.rgb.size(), expected.rgb.size());
    int difference = 0;
    for (std::size_t i = 0; i < pixels.rgb.size(); ++i) {
      difference = std::max(difference, std::abs(pixels.rgb[i] - expected.rgb[i]));
    }
    EXPECT_LE(difference, 1);
  }
}

TEST(ImageProcessor, RefusesWhatWouldBecomeTooLarge) {
  Image tall{1, 100'000, std::vector<std::uint8_t>(300'000)};
  ImageProcessorOptions options;
  options.do_center_crop = false;
  EXPECT_THROW(ImageProcessor(options).geometry(tall), UserError);
  EXPECT_THROW(ImageProcessor(options).output_size({tall.height, tall.width}), UserError);
  options = {};
  options.pad_to_square = true;
  EXPECT_THROW(ImageProcessor(options).geometry(tall), UserError);
}

TEST(ImageProcessor, AgreesWithQwensPillowProcessor) {
  std::ifstream in(kGolden / "qwen_processor.tsv");
  std::string config, file, digest;
  int rows = 0, columns = 0, lines = 0;
  for (; in >> config >> file >> rows >> columns >> digest; ++lines) {
    const auto processor = ImageProcessor::load(kGolden / "processor" / (config + ".json"));
    const auto image = decode_image(kGolden / "../../data/golden/images" / file);
    const auto pixels = processor.process(image);
    const int side = config == "qwen3" ? 16 : 14;
    EXPECT_EQ(pixels.sizes(), (torch::IntArrayRef{3, rows * side, columns * side})) << config << " " << file;
    EXPECT_EQ(processor.output_size({image.height, image.width}), (ImageSize{rows * side, columns * side}));
    const auto values = patches_of(pixels, patches(side)).contiguous();
    EXPECT_EQ(sha256({static_cast<const char*>(values.data_ptr()), values.nbytes()}), digest) << config << " " << file;
  }
  EXPECT_EQ(lines, 10);
}

TEST(ImageProcessor, StaysNearQwensTensorProcessor) {
  const SafetensorsFile golden(kGolden / "qwen_fast.safetensors");
  const auto image = decode_image(kGolden / "../../data/golden/images/plain.jpg");
  for (const std::string config : {"qwen3", "qwen25"}) {
    const int side = config == "qwen3" ? 16 : 14;
    const auto processor = ImageProcessor::load(kGolden / "processor" / (config + ".json"));
    const auto& options = processor.options();
    const auto scale = torch::tensor(std::vector<double>(options.std.begin(), options.std.end())).view({1, 3, 1});
    const auto shift = torch::tensor(std::vector<double>(options.mean.begin(), options.mean.end())).view({1, 3, 1});
    const auto values = patches_of(processor.process(image), patches(side)).view({-1, 3, 2, side * side}).select(2, 0);
    const auto levels = (255 * (values.to(torch::kFloat64) * scale + shift)).round();
    const auto difference = (levels - golden.tensor(config).to(torch::kFloat64)).abs();
    EXPECT_LE(difference.max().item<double>(), 2);
    EXPECT_LT(difference.mean().item<double>(), 0.1);
  }
}

// golden/make_qwen_processor.py, transformers' smart_resize.
TEST(ImageProcessor, SmartResize) {
  std::ifstream in(kGolden / "qwen_sizes.tsv");
  ImageSize size, expected;
  int factor = 0, lines = 0;
  PixelBounds bounds;
  for (; in >> size.height >> size.width >> factor >> bounds.least >> bounds.most >> expected.height >> expected.width;
       ++lines) {
    EXPECT_EQ(smart_resize(size, factor, bounds), expected) << size.height << " x " << size.width << " " << factor;
  }
  EXPECT_GE(lines, 48);
  EXPECT_THROW(smart_resize({1, 201}, 28, {3136, 10000}), UserError);
}

TEST(ImageProcessor, BoundsReplaceThoseOfAQwenFileOnly) {
  const auto qwen = ImageProcessor::load(kGolden / "processor" / "qwen25.json", false, kAuthorsPixels);
  EXPECT_EQ(qwen.options().bounds, (PixelBounds{262144, 589824}));
  const auto own = ImageProcessor::load(kGolden / "processor" / "qwen25.json");
  const auto one = ImageProcessor::load(kGolden / "processor" / "qwen25.json", false, {{}, 500000});
  EXPECT_EQ(one.options().bounds, (PixelBounds{own.options().bounds.least, 500000}));
  EXPECT_FALSE(qwen.fixed_size());
  const auto clip = ImageProcessor::load(kGolden / "processor" / "clip.json", false, kAuthorsPixels);
  EXPECT_EQ(clip.output_size({100, 300}), (ImageSize{56, 56}));
  EXPECT_TRUE(clip.fixed_size());
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

std::string qwen_message(const std::string& members) {
  return message(
      fmt::format(R"({{"image_processor_type": "Qwen2VLImageProcessor"{}{}}})", members.empty() ? "" : ", ", members));
}

// What Qwen2VLImageProcessorFast of transformers 4.57 refuses, and what it takes.
TEST(ImageProcessor, QwenSizesThatTransformersRefusesAreNotReplaced) {
  for (const char* taken : {"", R"("size": null)", R"("size": {"shortest_edge": 512, "longest_edge": 1024})",
                            R"("size": {"min_pixels": 512, "max_pixels": 1024}, "min_pixels": 512, "max_pixels": 1024)",
                            R"("size": {"shortest_edge": 512}, "max_pixels": 1024)", R"("min_pixels": 512)"}) {
    EXPECT_EQ(qwen_message(taken), "loaded") << taken;
  }
  for (const char* size : {R"({"shortest_edge":512})", R"({"max_pixels":1024,"min_pixels":512})",
                           R"({"height":56,"width":56})", "{}", R"("512")", "512"}) {
    EXPECT_THAT(qwen_message(fmt::format("\"size\": {}", size)),
                AllOf(HasSubstr("preprocessor_config.json': 'size' must hold shortest_edge and longest_edge"),
                      HasSubstr(size)));
  }
  for (const char* key : {"patch_size", "merge_size", "temporal_patch_size"}) {
    EXPECT_THAT(qwen_message(fmt::format("\"{}\": 0", key)), HasSubstr(fmt::format("'{}' must be from 1 to", key)));
  }
}

TEST(ImageProcessor, ALimitThatDoesNotFitIsNotBlamedOnTheFile) {
  const auto load = [](const PixelLimits& limits) {
    return message_of([&] { ImageProcessor::load(kGolden / "processor" / "qwen25.json", false, limits); });
  };
  EXPECT_THAT(load({{}, 100}), AllOf(HasSubstr("cannot be from 3136 to 100 pixels: the least is that of the model's"),
                                     HasSubstr("model.max_pixels is given")));
  EXPECT_THAT(load({9000, {}}), HasSubstr("model.min_pixels is given and the most is that of the model's folder"));
  EXPECT_THAT(qwen_message(R"("min_pixels": 512, "max_pixels": 100)"),
              HasSubstr("preprocessor_config.json': a picture"));
}

}  // namespace
}  // namespace scalselect::vlm
