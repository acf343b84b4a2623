#include "experiments/runs/manifest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/files.h"
#include "core/hash.h"
#include "data/row_list.h"
#include "data/selection.h"
#include "data/subset.h"
#include "experiments/runs/subset_content.h"
#include "report_fixtures.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using report::testing::error_of;
using report::testing::make_pool;
using report::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ManifestOrigin kOrigin{{{"name", "scalselect"}, {"version", "1"}, {"commit", "c"}}, "scalselect select …"};

/// A pool of four samples and one without a conversation, opened as commands open it.
inputs::OpenPool open_pool(const TempFolder& folder) {
  auto rows = nlohmann::json::parse(read_file(make_pool(folder)->file()));
  rows.push_back({{"id", "4"}, {"conversations", "none"}});
  write_file_atomically(folder.path / "pool.json", rows.dump());
  inputs::OpenPool open;
  open.path = folder.path / "pool.json";
  open.files = {open.path};
  open.pool = std::make_shared<Pool>(open.path);
  open.digest = "d";
  return open;
}

SelectionRecord record_of(const inputs::OpenPool& open, const TempFolder& folder) {
  const FileDigests digests(folder.path / "digests");
  SelectionRecord record;
  inputs::PoolOptions options;
  options.path = "pool.json";
  record.settings = {{"pool", pool_settings(options)}, {"budget", "0.5"}};
  add_pool(record, "pool", open, digests);
  add_file(record, "features", open.path, digests);
  add_folder(record, "model", "models/x", "abc");
  record.warnings = {"careful"};
  return record;
}

TEST(Manifest, IsReadBackAsItWasWrittenAndNamesRowsForAList) {
  const TempFolder folder;
  const auto open = open_pool(folder);
  const auto subset = folder.path / "subset.json";
  write_subset(*open.pool, {3, 1}, subset);
  write_manifest(record_of(open, folder), {3, 1}, open.pool.get(), subset, kOrigin);
  const auto manifest = read_manifest(folder.path / "subset.manifest.json");
  EXPECT_THAT(manifest.rows, ElementsAre(3, 1));
  EXPECT_EQ(manifest.subset(), subset);
  EXPECT_EQ(manifest.tree["subset"]["sha256"], sha256(read_file(subset)));
  EXPECT_EQ(manifest.tree["ids"].dump(), R"(["3","1"])");
  EXPECT_EQ(manifest.input("pool")["files"][0]["sha256"], sha256(read_file(open.path)));
  EXPECT_EQ(manifest.input("model")["digest"], "abc");
  EXPECT_TRUE(manifest.input("target").is_null());
  EXPECT_EQ(manifest.settings()["pool"].dump(), R"({"kind":"file","path":"pool.json","image_root":null})");
  EXPECT_EQ(manifest.tree["counts"].dump(),
            R"({"rows":5,"usable":4,"rejected":{"'conversations' is not a list":1},"chosen":2})");
  EXPECT_THAT(read_row_list(manifest.file, open.pool.get(), 5).rows, ElementsAre(3, 1));
}

TEST(Manifest, IsTheSameForTheSameSelectionButForWhenItWasWritten) {
  const TempFolder folder;
  const auto open = open_pool(folder);
  const auto text = [&] {
    write_subset(*open.pool, {0, 2}, folder.path / "s.jsonl");
    write_manifest(record_of(open, folder), {2, 0}, open.pool.get(), folder.path / "s.jsonl", kOrigin);
    auto tree = read_manifest(folder.path / "s.jsonl.manifest.json").tree;
    tree.erase("created");
    return tree.dump();
  };
  EXPECT_EQ(text(), text());
}

TEST(Manifest, OfATableHasNoIds) {
  const TempFolder folder;
  write_file_atomically(folder.path / "rows.txt", "1\n0\n");
  write_manifest({}, {1, 0}, nullptr, folder.path / "rows.txt", kOrigin);
  EXPECT_TRUE(read_manifest(folder.path / "rows.txt.manifest.json").tree["ids"].is_null());
  EXPECT_THAT(read_row_list(folder.path / "rows.txt.manifest.json", nullptr, 2).rows, ElementsAre(1, 0));
}

TEST(Manifest, ThatIsDamagedIsRefusedInASentence) {
  const TempFolder folder;
  const auto open = open_pool(folder);
  write_subset(*open.pool, {3, 1}, folder.path / "s.json");
  write_manifest(record_of(open, folder), {3, 1}, open.pool.get(), folder.path / "s.json", kOrigin);
  const auto good = read_file(folder.path / "s.manifest.json");
  const auto refusal = [&](const std::string& text) {
    write_file_atomically(folder.path / "bad.json", text);
    return error_of([&] { read_manifest(folder.path / "bad.json"); });
  };
  EXPECT_EQ(refusal(good), "");
  EXPECT_THAT(refusal(good.substr(0, good.size() / 2)), HasSubstr("cut short"));
  EXPECT_THAT(refusal("[1, 2]"), HasSubstr("is not the manifest of a selection"));
  auto tree = nlohmann::json::parse(good);
  tree["format"] = "scalselect.selection/2";
  EXPECT_THAT(refusal(tree.dump()), HasSubstr("Use the version of scalselect that wrote it"));
  for (const char* key : {"settings", "inputs", "subset", "program", "rows", "ids"}) {
    auto without = nlohmann::json::parse(good);
    without.erase(key);
    EXPECT_THAT(refusal(without.dump()), HasSubstr("is damaged")) << key;
  }
  tree = nlohmann::json::parse(good);
  tree["ids"] = {"3"};
  EXPECT_THAT(refusal(tree.dump()), HasSubstr("is damaged"));
}

/// A tar of three samples, one of them without a picture, and a JSON subset of it.
struct Unpacked {
  TempFolder folder;
  std::unique_ptr<Pool> pool;
  fs::path subset = folder.path / "s.json";

  Unpacked() {
    std::string rows;
    for (const std::string name : {"a", "b", "c"}) {
      const auto picture = name == "c" ? "" : fmt::format(R"("image": "{}.png", )", name);
      if (name != "c") write_file_atomically(folder.path / (name + ".png"), name);
      rows += fmt::format(R"({{"id": "id {0}", {1}"conversations": [{{"from": "human", "value": "say {0}"}}]}})", name,
                          picture) +
              "\n";
    }
    write_file_atomically(folder.path / "pool.jsonl", rows);
    const Pool files(folder.path / "pool.jsonl");
    write_subset(files, {0, 1, 2}, folder.path / "pool.tar");
    pool = std::make_unique<Pool>(folder.path / "pool.tar");
  }
  /// The manifest of the rows, in this order of choice.
  Manifest write(const std::vector<std::int64_t>& rows) {
    write_subset(*pool, rows, subset);
    write_manifest({}, rows, pool.get(), subset, kOrigin);
    return read_manifest(manifest_of(subset));
  }
};

TEST(SubsetContent, PicturesThatWereUnpackedAreRecorded) {
  Unpacked world;
  const auto recorded = world.write({2, 1, 0}).tree["subset"]["pictures"];
  EXPECT_EQ(recorded["folder"], "s_images");
  EXPECT_EQ(recorded["files"], 2);
  EXPECT_EQ(recorded["missing"], 0);
  EXPECT_EQ(pictures_in(world.subset, "s_images").digest(), recorded["digest"]);
  const auto moved = world.folder.path / "moved.json";
  fs::rename(world.subset, moved);
  EXPECT_EQ(pictures_in(moved, "s_images").digest(), recorded["digest"]);
  const auto first = world.folder.path / "s_images" / "000000000.bin";
  write_file_atomically(first, "another");
  EXPECT_EQ(pictures_in(moved, "s_images").missing(), 0);
  EXPECT_NE(pictures_in(moved, "s_images").digest(), recorded["digest"]);
  fs::remove(first);
  EXPECT_EQ(pictures_in(moved, "s_images").missing(), 1);
}

TEST(SubsetContent, OfASubsetWithoutPicturesOfItsOwnNoneAreRecorded) {
  Unpacked world;
  fs::create_directories(world.folder.path / "s_images");  // left over
  EXPECT_FALSE(world.write({2}).tree["subset"].contains("pictures"));
  write_file_atomically(world.folder.path / "ids.json", "id a\n");
  EXPECT_TRUE(pictures_in(world.folder.path / "ids.json", "s_images").names.empty());
}

TEST(SubsetContent, AManifestOfOtherRowsContradictsTheSubset) {
  Unpacked world;
  auto manifest = world.write({2, 0});
  const auto found = [&](const Pool* pool) { return contradiction(manifest, world.subset, pool); };
  EXPECT_EQ(found(world.pool.get()), "");
  EXPECT_EQ(found(nullptr), "");
  manifest.tree["ids"] = {"id b", "id a"};
  EXPECT_EQ(found(nullptr), "row 1 of the subset is 'id c', and by the manifest 'id b'");
  manifest.tree["ids"] = nullptr;
  manifest.rows = {1, 0};
  EXPECT_EQ(found(nullptr), "") << "without ids and pool there is nothing to compare";
  EXPECT_EQ(found(world.pool.get()), "row 1 of the subset is not row 1 of the pool");
  manifest.rows = {0, 1, 2};
  EXPECT_THAT(found(nullptr), HasSubstr("holds 2 rows, and the manifest names 3"));
  manifest.rows = {0, 0};
  EXPECT_EQ(found(nullptr), "the manifest names row 0 twice");
}

TEST(SubsetContent, ListsAndShardsAreComparedAsWell) {
  Unpacked world;
  auto manifest = world.write({2, 0});
  const auto ids = world.folder.path / "ids.txt", shards = world.folder.path / "shards";
  write_subset(*world.pool, {0, 2}, ids, SubsetFormat::kIds);
  fs::create_directories(shards);
  write_subset(*world.pool, {2}, shards / "0.tar");
  write_subset(*world.pool, {0}, shards / "1.tar");
  for (const auto& subset : {ids, shards}) EXPECT_EQ(contradiction(manifest, subset, world.pool.get()), "") << subset;
  manifest.rows = {1, 0};
  EXPECT_THAT(contradiction(manifest, ids, world.pool.get()), HasSubstr("names others"));
  EXPECT_THAT(contradiction(manifest, shards, world.pool.get()), HasSubstr("holds others"));
}

TEST(Reasons, AreCountedOncePerRow) {
  const TempFolder folder;
  const auto open = open_pool(folder);
  for (const char* name : {"one", "two"}) fs::create_directories(folder.path / name);
  write_file_atomically(
      folder.path / "one" / "rejects.jsonl",
      "{\"row\":1,\"id\":\"1\",\"reason\":\"no 'x.png'\"}\n{\"row\":4,\"id\":\"4\",\"reason\":\"of the pool\"}\n");
  write_file_atomically(
      folder.path / "two" / "rejects.jsonl",
      "{\"row\":1,\"id\":\"1\",\"reason\":\"no 'x.png'\"}\n{\"row\":2,\"id\":\"2\",\"reason\":\"no 'y.png'\"}\n");
  SelectionRecord record;
  count_without_features(record, {folder.path / "one", folder.path / "two"}, *open.pool);
  EXPECT_EQ(record.counts["without_features"].dump(), R"({"no '…'":2})");
}

}  // namespace
}  // namespace scalselect::pipeline
