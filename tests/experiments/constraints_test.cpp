#include "experiments/inputs/constraints.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "data/pool_source.h"
#include "tests/message_of.h"

namespace scalselect::inputs {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConstraintsOfAPool : public ::testing::Test {
 protected:
  ConstraintsOfAPool() {
    fs::remove_all(folder_);
    for (const auto* picture : {"coco/train/1.png", "coco/train/copy.png", "gqa/2.png"})
      write_file_atomically(folder_ / picture, std::string(picture).starts_with("coco") ? "same" : "other");
    std::string rows;
    for (const std::string row : {R"("image": "coco/train/1.png")", R"("image": "coco/train/copy.png")",
                                  R"("image": "gqa/2.png")", R"("id": "no conversation")", R"("id": "text")",
                                  R"("image": "gone.png", "source": "ocr/hard")", R"("image": "gone.png")"}) {
      const bool rejected = row.find("no conversation") != std::string::npos;
      rows += "{" + row + (rejected ? "" : R"(, "conversations": [{"from": "human", "value": "?"}])") + "}\n";
    }
    write_file_atomically(folder_ / "pool.jsonl", rows);
    open_.pool = std::make_shared<Pool>(folder_ / "pool.jsonl");
  }

  std::string list(const std::string& name, const std::string& text) {
    write_file_atomically(folder_ / name, text);
    return (folder_ / name).string();
  }
  RowSet rows(const ConstraintOptions& options) const {
    return row_set(open_, options, ArtifactCache(folder_ / "cache"));
  }
  std::string refusal(const ConstraintOptions& options) const {
    return message_of([&] { rows(options); });
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / "constraints_of_a_pool";
  OpenPool open_;
};

TEST_F(ConstraintsOfAPool, WithoutAnyAllUsableRows) {
  const auto found = rows({});
  EXPECT_THAT(found.usable, ElementsAre(0, 1, 2, 4, 5, 6));
  EXPECT_THAT(found.text_only, ElementsAre(4));
  EXPECT_EQ(found.counted(), 7);
}

TEST_F(ConstraintsOfAPool, ListsAreRowsOfThePool) {
  ConstraintOptions options;
  options.exclude = list("exclude.txt", "4\n3\n0\n4\n");
  options.must_keep = list("keep.json", "[5, 2]");
  const auto found = rows(options);
  EXPECT_THAT(found.constraints.excluded, ElementsAre(0, 3, 4));
  EXPECT_THAT(found.constraints.must_keep, ElementsAre(2, 5));
  EXPECT_THAT(found.usable, ElementsAre(1, 2, 5, 6));
  EXPECT_TRUE(found.text_only.empty());
  EXPECT_EQ(found.counted(), 4);

  options.must_keep = list("keep.json", "[]");
  EXPECT_TRUE(rows(options).constraints.must_keep.empty()) << "nothing to keep";
  options.must_keep = list("keep.json", "[3]");
  EXPECT_THAT(refusal(options), HasSubstr("Row 3 is in both exclude and must_keep"));
  options.exclude.reset();
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("must_keep names row 3"), HasSubstr("none of 'conversations'")));
  options.must_keep = list("keep.json", "[7]");
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("keep.json"), HasSubstr("'7'")));
}

TEST_F(ConstraintsOfAPool, SourcesAreFieldsOrFoldersOfPictures) {
  ConstraintOptions options;
  options.sources = {{"coco", 1.0, {}}, {"ocr", {}, 3.0}, {"text-only", {}, 1.0}};
  const auto found = rows(options).constraints.sources;
  EXPECT_THAT(found[0].rows, ElementsAre(0, 1));
  EXPECT_THAT(found[1].rows, ElementsAre(5));
  EXPECT_THAT(found[2].rows, ElementsAre(4));
  options.sources = {{"cocoa", 1.0, {}}};
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("source 'cocoa'"), HasSubstr("coco/train"), HasSubstr("gqa")));
  options.sources = {{"coco", 1.0, {}}, {"coco", {}, 2.0}};
  EXPECT_THAT(refusal(options), HasSubstr("'coco' twice"));
}

TEST_F(ConstraintsOfAPool, PicturesAreToldByContent) {
  ConstraintOptions options;
  options.one_per_picture = true;
  const auto pictures = rows(options).constraints.pictures;
  EXPECT_EQ(pictures[0], pictures[1]) << "a copy under another name";
  EXPECT_NE(pictures[0], pictures[2]);
  EXPECT_TRUE(pictures[4].empty());
  EXPECT_EQ(pictures[5], pictures[6]) << "a file that is missing is one picture";
}

TEST(PoolSource, IsTheFieldOrTheFolderOfThePicture) {
  Sample sample;
  EXPECT_EQ(source_of(sample, "/data"), "text-only");
  sample.images = {"/data/coco/train2017/1.jpg"};
  EXPECT_EQ(source_of(sample, "/data"), "coco/train2017");
  EXPECT_EQ(source_of(sample, "/data/coco/train2017"), "");
  EXPECT_EQ(source_of(sample, "/elsewhere"), "");
  sample.source = "llava";
  EXPECT_EQ(source_of(sample, "/data"), "llava");
}

TEST(PoolSource, AFolderCoversItsFolders) {
  EXPECT_TRUE(is_of_source("coco/train2017", "coco"));
  EXPECT_TRUE(is_of_source("coco", "coco"));
  EXPECT_FALSE(is_of_source("cocoa", "coco"));
  EXPECT_FALSE(is_of_source("vg/coco", "coco"));
}

}  // namespace
}  // namespace scalselect::inputs
