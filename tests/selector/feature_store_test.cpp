#include "selector/feature_store.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>

#include "core/error.h"
#include "core/files.h"
#include "core/npz.h"
#include "core/rng.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kCols = 5, kRows = 100;

fs::path fresh(const std::string& name) {
  const auto folder = fs::path(::testing::TempDir()) / "feature_store_test" / name;
  fs::remove_all(folder);
  return folder;
}

FeatureStoreSpec small_spec(StorePrecision precision = StorePrecision::kFloat32) {
  FeatureStoreSpec spec;
  spec.cols = kCols;
  spec.precision = precision;
  spec.block_rows = 4;
  spec.shard_rows = 20;
  spec.feature = {{"kind", "test"}};
  return spec;
}

std::vector<float> vector_for(std::int64_t row) {
  std::vector<float> vector;
  for (std::int64_t j = 0; j < kCols; ++j) vector.push_back(static_cast<float>(row) + static_cast<float>(j) / 8);
  return vector;
}

bool is_reject(std::int64_t row) { return row % 9 == 4; }

void give(FeatureWriter& writer, std::int64_t row) {
  if (is_reject(row)) writer.reject(row, "id" + std::to_string(row), "missing image");
  else writer.append(row, "id" + std::to_string(row), vector_for(row));
}

void fill(FeatureWriter& writer, std::int64_t until) {
  for (std::int64_t row = writer.next_row(); row < until; ++row) give(writer, row);
}

void write_all(const fs::path& folder, const FeatureStoreSpec& spec = small_spec()) {
  FeatureWriter writer(folder, spec);
  fill(writer, kRows);
  writer.finish();
}

/// File name -> bytes.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) files[entry.path().filename()] = read_file(entry.path());
  return files;
}

TEST(FeatureStore, ReturnsWhatWasWritten) {
  const auto folder = fresh("plain");
  write_all(folder);
  const FeatureStore store(folder);
  EXPECT_EQ(store.rows(), 89);
  EXPECT_EQ(store.cols(), kCols);
  EXPECT_EQ(store.rejects().size(), 11U);
  EXPECT_EQ(store.rejects()[1].row, 13);
  EXPECT_EQ(store.rejects()[1].reason, "missing image");
  for (const std::int64_t count : {1, 3, 40, 89}) {
    for (std::int64_t first = 0; first + count <= store.rows(); first += count) {
      std::vector<float> values(static_cast<std::size_t>(count * kCols));
      store.read(first, count, values.data());
      for (std::int64_t i = 0; i < count; ++i) {
        const auto row = store.pool_rows()[static_cast<std::size_t>(first + i)];
        EXPECT_EQ(store.ids()[static_cast<std::size_t>(first + i)], "id" + std::to_string(row));
        const auto expected = vector_for(row);
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(), values.begin() + i * kCols));
      }
    }
  }
  EXPECT_THAT(read_file(folder / "rejects.jsonl"),
              HasSubstr("{\"row\":4,\"id\":\"id4\",\"reason\":\"missing image\"}\n"));
  EXPECT_TRUE(fs::exists(folder / "shard-00004.bin"));
}

TEST(FeatureStore, CutAnywhereItResumesToTheSameBytes) {
  const auto whole = fresh("whole");
  write_all(whole);
  const auto expected = contents(whole);
  Rng rng(1, "feature_store_test");
  for (int round = 0; round < 60; ++round) {
    const auto folder = fresh("cut");
    {
      FeatureWriter writer(folder, small_spec());
      fill(writer, rng.between(0, kRows));
    }
    std::vector<fs::path> shards;
    for (const auto& entry : fs::directory_iterator(folder)) shards.push_back(entry.path());
    if (!shards.empty()) {
      const auto last = *std::max_element(shards.begin(), shards.end());
      fs::resize_file(last, rng.below(fs::file_size(last) + 1));
    }
    FeatureWriter writer(folder, small_spec());
    fill(writer, kRows);
    writer.finish();
    ASSERT_TRUE(contents(folder) == expected) << "round " << round;
  }
}

TEST(FeatureStore, GarbageAfterTheLastGoodBlockIsCutOff) {
  const auto whole = fresh("whole2");
  write_all(whole);
  const auto folder = fresh("garbage");
  {
    FeatureWriter writer(folder, small_spec());
    fill(writer, 30);
  }
  for (const char* shard : {"shard-00000.bin", "shard-00001.bin"}) {
    std::ofstream(folder / shard, std::ios::binary | std::ios::app) << std::string(500, '\x5a');
  }
  std::ofstream(folder / "shard-00002.bin", std::ios::binary) << "torn";
  write_all(folder);
  EXPECT_TRUE(contents(folder) == contents(whole));
}

TEST(FeatureStore, SurvivesKillNine) {
  const auto whole = fresh("whole3");
  write_all(whole);
  for (int round = 0; round < 10; ++round) {
    const auto folder = fresh("killed");
    const pid_t child = ::fork();
    if (child == 0) {
      FeatureWriter writer(folder, small_spec());
      for (std::int64_t row = 0; row < kRows; ++row) {
        give(writer, row);
        ::usleep(100);
      }
      writer.finish();
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(1500 * (round + 1)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    write_all(folder);
    EXPECT_TRUE(contents(folder) == contents(whole));
  }
}

TEST(FeatureStore, AKillDuringFinishIsRepeated) {
  const auto folder = fresh("finish");
  write_all(folder);
  const auto expected = contents(folder);
  fs::remove(folder / "manifest.json");
  EXPECT_THAT(message_of([&] { FeatureStore store(folder); }), HasSubstr("no finished features"));
  write_all(folder);
  EXPECT_TRUE(contents(folder) == expected);
  FeatureWriter again(folder, small_spec());
  EXPECT_TRUE(again.complete());
}

TEST(FeatureStore, RowsAlreadyThereAreIgnored) {
  const auto folder = fresh("ignored");
  {
    FeatureWriter writer(folder, small_spec());
    fill(writer, 12);
  }
  FeatureWriter writer(folder, small_spec());
  EXPECT_EQ(writer.next_row(), 12);
  for (std::int64_t row = 0; row < kRows; ++row) give(writer, row);
  writer.finish();
  EXPECT_EQ(FeatureStore(folder).rows(), 89);
}

TEST(FeatureStore, OtherOptionsDoNotMix) {
  const auto folder = fresh("mixed");
  {
    FeatureWriter writer(folder, small_spec());
    fill(writer, 12);
  }
  auto other = small_spec();
  other.feature = {{"kind", "other"}};
  EXPECT_THAT(message_of([&] { FeatureWriter writer(folder, other); }), HasSubstr("other options"));
  write_all(folder);
  EXPECT_THAT(message_of([&] { FeatureWriter writer(folder, other); }), HasSubstr("other options"));
}

TEST(FeatureStore, DamageIsNamed) {
  const auto folder = fresh("damaged");
  write_all(folder);
  auto bytes = read_file(folder / "shard-00002.bin");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(folder / "shard-00002.bin", std::ios::binary) << bytes;
  EXPECT_THAT(message_of([&] { FeatureStore store(folder); }), HasSubstr("shard-00002.bin' is damaged"));
  fs::remove(folder / "shard-00002.bin");
  EXPECT_THAT(message_of([&] { FeatureStore store(folder); }), HasSubstr("is missing"));
}

TEST(FeatureStore, HalfPrecisionAndValuesThatDoNotFit) {
  const auto folder = fresh("half");
  FeatureWriter writer(folder, small_spec(StorePrecision::kFloat16));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  writer.append(0, "a", vector_for(3));
  writer.append(1, "b", std::vector<float>{1, 2, nan, 4, 5});
  writer.append(2, "c", std::vector<float>{1, 2, 70000, 4, 5});
  writer.append(5, "d", vector_for(7));
  writer.finish();
  const FeatureStore store(folder);
  EXPECT_THAT(store.pool_rows(), ElementsAre(0, 5));
  ASSERT_EQ(store.rejects().size(), 2U);
  EXPECT_EQ(store.rejects()[0].reason, "its vector is not finite");
  EXPECT_THAT(store.rejects()[1].reason, HasSubstr("too large for float16, which ends at 65504"));
  std::vector<float> values(2 * kCols);
  store.read(0, 2, values.data());
  EXPECT_EQ(values[kCols + 1], 7.125F);
  const auto file = folder.parent_path() / "half.npz";
  export_representations(store, IdKind::kRow, file);
  EXPECT_EQ(NpzReader(file).describe("representations").type, NpyType::kFloat16);
  std::vector<float> exported(2 * kCols);
  import_representations(file).vectors->read(0, 2, exported.data());
  EXPECT_EQ(exported, values);
}

TEST(FeatureStore, BfloatKeepsFloat32sRangeAndEightBits) {
  const auto folder = fresh("bfloat");
  {
    FeatureWriter writer(folder, small_spec(StorePrecision::kBfloat16));
    writer.append(0, "a", std::vector<float>{1, 3e38F, -1.00390625F, 1.01171875F, 0});
    writer.append(1, "b", std::vector<float>{1, 3.4e38F, 0, 0, 0});  // rounds to infinity
    writer.finish();
  }
  const FeatureStore store(folder);
  EXPECT_EQ(store.spec().precision, StorePrecision::kBfloat16);
  EXPECT_THAT(store.pool_rows(), ElementsAre(0));
  EXPECT_THAT(store.rejects().at(0).reason, HasSubstr("too large for bfloat16"));
  std::vector<float> values(kCols);
  store.read(0, 1, values.data());
  EXPECT_EQ(values[0], 1);
  EXPECT_NEAR(values[1], 3e38, 3e38 / 256);
  EXPECT_EQ(values[2], -1);  // a tie goes to the even neighbour
  EXPECT_EQ(values[3], 1.015625F);
  EXPECT_THAT(message_of([&] { FeatureWriter(folder, small_spec(StorePrecision::kFloat16)); }),
              HasSubstr("other options"));
}

TEST(Representations, ShardsAreOneTable) {
  const auto folder = fresh("shards");
  const auto write = [&](const char* name, std::int64_t rows, std::int64_t cols, float first) {
    std::vector<float> values(static_cast<std::size_t>(rows * cols));
    std::iota(values.begin(), values.end(), first);
    std::vector<std::string> ids;
    for (std::int64_t i = 0; i < rows; ++i) ids.push_back(name + std::to_string(i));
    NpzWriter writer(folder / name);
    writer.add("sample_ids", ids);
    writer.add("representations", MemoryRows(MatrixView{values.data(), rows, cols}));
    writer.finish();
    return folder / name;
  };
  fs::create_directories(folder);
  const std::vector<fs::path> files = {write("a", 3, 2, 0), write("b", 1, 2, 6), write("c", 4, 2, 8)};
  const auto table = import_representations(files);
  EXPECT_THAT(table.ids, ElementsAre("a0", "a1", "a2", "b0", "c0", "c1", "c2", "c3"));
  ASSERT_EQ(table.vectors->rows(), 8);
  for (std::int64_t first = 0; first < 8; ++first) {
    for (std::int64_t count = 0; first + count <= 8; ++count) {
      std::vector<float> read(static_cast<std::size_t>(2 * count)), expected(read.size());
      table.vectors->read(first, count, read.data());
      std::iota(expected.begin(), expected.end(), static_cast<float>(2 * first));
      EXPECT_EQ(read, expected) << first << " " << count;
    }
  }
  const std::vector<fs::path> mixed = {files[0], write("d", 1, 3, 0)};
  EXPECT_THAT(message_of([&] { import_representations(mixed); }), HasSubstr("d' has 3 columns, '"));
}

TEST(Representations, GoOutAndComeBack) {
  const auto folder = fresh("export");
  write_all(folder);
  const FeatureStore store(folder);
  for (const auto kind : {IdKind::kRow, IdKind::kId}) {
    const auto file = folder.parent_path() / "all_representations.npz";
    export_representations(store, kind, file);
    const auto loaded = import_representations(file);
    ASSERT_EQ(loaded.vectors->rows(), 89);
    EXPECT_EQ(loaded.ids[4], kind == IdKind::kRow ? "5" : "id5");
    std::vector<float> values(89 * kCols), expected(values.size());
    loaded.vectors->read(0, 89, values.data());
    store.read(0, 89, expected.data());
    EXPECT_EQ(values, expected);
  }
}

TEST(Representations, LengthsMustAgree) {
  const auto file = fresh("x").parent_path() / "uneven.npz";
  const std::vector<float> values{1, 2, 3, 4};
  NpzWriter writer(file);
  writer.add("sample_ids", std::vector<std::string>{"1"});
  writer.add("representations", MemoryRows(MatrixView{values.data(), 2, 2}));
  writer.finish();
  EXPECT_THAT(message_of([&] { import_representations(file); }), HasSubstr("1 sample_ids but 2 representations"));
}

}  // namespace
}  // namespace scalselect
