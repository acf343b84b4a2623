#include "baselines/feature_file.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "core/npz.h"
#include "selector/choose.h"
#include "tests/baselines/coverage_tables.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class FeatureFileTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  /// A float64 matrix as numpy.save writes it (format version 1).
  fs::path write_npy(const std::vector<double>& values, std::int64_t cols,
                     const std::string& name = "features.npy") const {
    std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" +
                         std::to_string(values.size() / static_cast<std::size_t>(cols)) + ", " + std::to_string(cols) +
                         "), }";
    header.resize(117, ' ');
    header += '\n';
    std::string bytes = std::string("\x93NUMPY\x01\x00", 8) + '\x76' + '\0' + header;
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    write_file_atomically(folder_ / name, bytes);
    return folder_ / name;
  }

  fs::path write_npz(const std::vector<std::string>& ids, const std::vector<float>& values, std::int64_t cols,
                     const std::string& name = "features.npz") const {
    NpzWriter writer(folder_ / name);
    writer.add("sample_ids", ids);
    writer.add("representations", MemoryRows({values.data(), static_cast<std::int64_t>(ids.size()), cols}));
    writer.finish();
    return folder_ / name;
  }

  Pool pool_of(std::int64_t size) const {
    std::string text;
    for (std::int64_t i = 0; i < size; ++i) {
      text += R"({"id": "s)" + std::to_string(i) +
              R"(", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})" + "\n";
    }
    write_file_atomically(folder_ / "pool.jsonl", text);
    return Pool(folder_ / "pool.jsonl");
  }

  fs::path folder_ = fs::temp_directory_path() / ("feature_file_test." + std::to_string(getpid()));
};

const Budget kThree = Count{3};

/// What a file without its pool gives.
std::vector<std::int64_t> select_rows(const Method& method, const FeatureFile& file, const Budget& budget,
                                      std::uint64_t seed = 1) {
  const RowSet rows{file.path.string(), file.vectors->rows(), file.finite};
  const auto input = open_input(
      method, rows, [&](const FeatureSpec&) { return table_of(file); }, seed);
  return choose(method, input, budget).rows;
}

TEST_F(FeatureFileTest, PlainMatrixGivesTheRowsOfTheMethod) {
  const auto file = open_feature_file(write_npy({0, 1, 2, 3, 10}, 1));
  EXPECT_TRUE(file.ids.empty());
  const auto method = make_vector_method("k_center", {{"normalize", false}});
  const auto rows = select_rows(method, file, Share{0.6});
  EXPECT_THAT(rows, ElementsAre(4, 0, 3));
  write_row_list(rows, folder_ / "rows.txt");
  EXPECT_EQ(read_file(folder_ / "rows.txt"), "4\n0\n3\n");
}

TEST_F(FeatureFileTest, EveryVectorMethodRunsOnAFile) {
  const auto values = gaussian_rows(40, 5);
  const auto file = open_feature_file(write_npy({values.begin(), values.end()}, 5));
  for (const std::string name : {"facility_location", "graph_cut", "herding", "log_det", "cluster_balanced", "semdedup",
                                 "k_center", "scalselect", "random"}) {
    const auto method = make_vector_method(name, json::object());
    const auto direct = choose(make_vector_method(name, json::object()), input_over(values, 5, 7), Count{8});
    EXPECT_EQ(select_rows(method, file, Share{0.2}, 7), direct.rows) << name;
  }
}

TEST_F(FeatureFileTest, AuthorsFileNamesPoolRows) {
  const std::vector<float> values{1, 5, 3};
  const auto pool = pool_of(6);
  const auto by_row = open_feature_file(write_npz({"4", "0", "2"}, values, 1));
  EXPECT_THAT(by_row.ids, ElementsAre("4", "0", "2"));
  const auto first_number = [](const FeatureTable& table) {
    std::vector<float> column(table.rows.size());
    table.vectors->read(0, std::ssize(table.rows), column.data());
    return column;
  };
  const auto rows = table_of(by_row, pool, IdKind::kRow);
  EXPECT_THAT(rows.rows, ElementsAre(0, 2, 4)) << "in the pool's order";
  EXPECT_THAT(first_number(rows), ElementsAre(5, 3, 1));
  const auto by_id = open_feature_file(write_npz({"s5", "s1", "s0"}, values, 1));
  EXPECT_THAT(table_of(by_id, pool, IdKind::kId).rows, ElementsAre(0, 1, 5));
  EXPECT_THROW(table_of(by_id, pool, IdKind::kRow), UserError);
  const auto method = make_vector_method("graph_cut", {{"metric", "dot"}, {"lambda", 0}});
  EXPECT_THAT(select_rows(method, by_id, kThree), ElementsAre(1, 2, 0));
}

TEST_F(FeatureFileTest, ShardsOfOneTableAreItsRows) {
  const auto values = gaussian_rows(40, 5);
  const auto whole = open_feature_file(write_npy({values.begin(), values.end()}, 5));
  const std::vector<fs::path> matrices = {write_npy({values.begin(), values.begin() + 60}, 5, "part-0.npy"),
                                          write_npy({values.begin() + 60, values.end()}, 5, "part-1.npy")};
  const auto method = make_vector_method("facility_location", json::object());
  const auto expected = select_rows(method, whole, Count{8});
  const auto joined = open_feature_file(matrices);
  EXPECT_THAT(joined.path.string(), ::testing::EndsWith("part-0.npy and 1 more"));
  EXPECT_EQ(select_rows(method, joined, Count{8}), expected);
  const std::string pattern = folder_ / "part-*.npy";
  EXPECT_EQ(feature_files(std::span(&pattern, 1)), matrices);

  std::vector<std::string> ids;
  for (int row = 0; row < 40; ++row) ids.push_back(std::to_string(row));
  const std::vector<fs::path> archives = {
      write_npz({ids.begin() + 12, ids.end()}, {values.begin() + 60, values.end()}, 5, "b.npz"),
      write_npz({ids.begin(), ids.begin() + 12}, {values.begin(), values.begin() + 60}, 5, "a.npz")};
  const auto named = open_feature_file(archives);
  EXPECT_EQ(named.ids.front(), "12") << "in the order given";
  const auto table = table_of(named, pool_of(40), IdKind::kRow);
  std::vector<float> read(values.size());
  table.vectors->read(0, 40, read.data());
  EXPECT_EQ(read, std::vector<float>(values.begin(), values.end())) << "by row of the pool";

  EXPECT_THAT(message_of([&] {
                open_feature_file(std::vector{matrices[0], archives[0]});
              }),
              HasSubstr("1 of the 2 files of features are .npy matrices, which have no ids, and others have"));
  EXPECT_THAT(message_of([&] {
                open_feature_file(std::vector{matrices[0], write_npy({1, 2}, 1, "thin.npy")});
              }),
              AllOf(HasSubstr("thin.npy' has 1 columns"), HasSubstr("part-0.npy' has 5")));
  EXPECT_THAT(message_of([&] { open_feature_file(std::vector<fs::path>()); }),
              HasSubstr("The list of feature files is empty"));
}

TEST_F(FeatureFileTest, AMatrixMustFitThePool) {
  const auto file = open_feature_file(write_npy({1, 2, 3}, 1));
  EXPECT_THAT(table_of(file, pool_of(3), IdKind::kRow).rows, ElementsAre(0, 1, 2));
  try {
    table_of(file, pool_of(4), IdKind::kRow);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("features.npy' has 3 rows"), HasSubstr("4 samples")));
  }
}

TEST_F(FeatureFileTest, RefusesMethodsThatNeedMoreThanVectors) {
  for (const std::string name : {"d2_pruning", "self_filter", "perplexity", "length"}) {
    try {
      make_vector_method(name, json::object());
      FAIL() << name;
    } catch (const UserError& error) {
      EXPECT_THAT(error.problem(), AllOf(HasSubstr("'" + name + "' needs"), HasSubstr("holds one table of vectors")));
      EXPECT_THAT(error.remedy(), AllOf(HasSubstr("facility_location"), Not(HasSubstr(name))));
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
  }
}

TEST_F(FeatureFileTest, RowsThatAreNotFiniteAreNeverChosen) {
  const double nan = std::nan(""), infinite = std::numeric_limits<double>::infinity();
  const auto file = open_feature_file(write_npy({0, nan, 2, infinite, 10}, 1));
  for (const std::string name : {"k_center", "facility_location", "random", "scalselect", "herding", "prism", "log_det",
                                 "semdedup", "cluster_balanced", "graph_cut", "rds_plus", "scalselect_pivoted"}) {
    EXPECT_THAT(select_rows(make_vector_method(name, json::object()), file, kThree), UnorderedElementsAre(0, 2, 4))
        << name;
  }
  EXPECT_THROW(open_feature_file(write_npy({nan}, 1)), UserError);
}

TEST_F(FeatureFileTest, ACountThatCannotBeMetIsRefused) {
  const auto file = open_feature_file(write_npy({0, std::nan(""), 2}, 1));
  const auto method = make_vector_method("random", json::object());
  EXPECT_EQ(select_rows(method, file, Count{2}).size(), 2u);
  EXPECT_THROW(select_rows(method, file, kThree), UserError);
  EXPECT_THROW(select_rows(method, file, Share{1.0}), UserError) << "a share is of all rows";
}

TEST_F(FeatureFileTest, RefusesOtherFilesAndImpossibleBudgets) {
  write_file_atomically(folder_ / "text.npz", "not a zip");
  EXPECT_THROW(open_feature_file(folder_ / "text.npz"), UserError);
  EXPECT_THROW(open_feature_file(folder_ / "none.npy"), UserError);
  const auto file = open_feature_file(write_npy({1, 2}, 1));
  EXPECT_THROW(select_rows(make_vector_method("herding", json::object()), file, kThree), UserError);
}

}  // namespace
}  // namespace scalselect
