// Scoring in parts against one process.
#include "selector/subspace_parts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// An empty folder of the running test.
fs::path new_folder() {
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  const auto folder = fs::path(::testing::TempDir()) / "subspace_parts_test" / test->name();
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

constexpr std::int64_t kRows = 2 * kUnitRows + 1000, kCols = 5;

/// Three units; columns of falling size around a far mean, and two rows that are not finite.
std::vector<float> table(double condition) {
  Rng rng(7, "subspace_parts_test");
  std::vector<float> values(static_cast<std::size_t>(kRows * kCols));
  for (std::int64_t i = 0; i < kRows * kCols; ++i) {
    const auto j = static_cast<double>(i % kCols);
    values[static_cast<std::size_t>(i)] =
        static_cast<float>(rng.normal() * std::pow(condition, -j / (kCols - 1)) + (j == 0 ? 3 : 0));
  }
  values[5 * kCols] = NAN;
  values[(kUnitRows + 9) * kCols + 2] = INFINITY;
  return values;
}

class Rows {
 public:
  explicit Rows(double condition = 10) : values_(table(condition)) {}
  /// Rows [first, first + count).
  MemoryRows part(std::int64_t first, std::int64_t count) const {
    return MemoryRows(MatrixView{values_.data() + first * kCols, count, kCols});
  }
  MemoryRows all() const { return part(0, kRows); }

 private:
  std::vector<float> values_;
};

struct Cut {
  std::int64_t first, count;
};
const std::vector<Cut> kByUnits = {{0, kUnitRows}, {kUnitRows, kUnitRows + 1000}};

/// All rounds that the options need; how many they were in `rounds`.
std::vector<double> scores_in_parts(const Rows& rows, const SubspaceOptions& options, const std::vector<Cut>& cuts,
                                    int& rounds) {
  const auto folder = new_folder();
  const auto kernels = make_cpu_kernels();
  StoredFit stored{SubspaceFit(kCols, options)};
  for (rounds = 0; stored.fit.next() != SubspaceFit::Pass::kScores; ++rounds) {
    std::vector<PartContents> parts;
    for (const auto& cut : cuts) {
      const auto file = folder / fmt::format("{}.sums", parts.size());
      write_part(rows.part(cut.first, cut.count), cut.first, units_of(cut.count, cut.first), stored, file);
      parts.insert(parts.begin(), read_part(file));  // given in any order
    }
    merge_parts(parts, stored, *kernels);
    save_fit(stored, folder / "fit");
    stored = load_fit(folder / "fit");
  }
  std::vector<double> scores;
  for (const auto& cut : cuts) {
    const auto source = rows.part(cut.first, cut.count);
    FiniteBlocks blocks(source);
    SubspaceScores result;
    apply_subspace(stored.fit, blocks, result, nullptr, *kernels);
    scores.insert(scores.end(), result.scores.begin(), result.scores.end());
  }
  return scores;
}

bool same_bytes(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

SubspaceOptions with(bool center, bool standardize, bool l2, std::optional<std::int64_t> directions = {}) {
  SubspaceOptions options;
  options.center = center;
  options.standardize = standardize;
  options.l2_normalize = l2;
  options.directions = directions;
  return options;
}

TEST(SubspaceParts, GiveTheBytesOfOneProcess) {
  struct Case {
    SubspaceOptions options;
    double condition;
    int rounds;
  };
  for (const auto& [options, condition, expected] :
       {Case{with(true, false, false), 10, 1}, Case{with(false, true, false), 10, 1},
        Case{with(true, false, true), 10, 2}, Case{with(true, false, false, 5), 1e5, 2},
        Case{with(true, false, true, 5), 1e5, 3}}) {
    const Rows rows(condition);
    const auto whole = score_rows(rows.all(), options);
    int rounds = 0;
    for (const int threads : {1, 3}) {
      set_threads(threads);
      EXPECT_TRUE(same_bytes(scores_in_parts(rows, options, kByUnits, rounds), whole.scores)) << dump_options(options);
    }
    set_threads(1);
    EXPECT_EQ(rounds, expected) << dump_options(options);
    EXPECT_THAT(whole.excluded, ElementsAre(5, kUnitRows + 9));
  }
}

TEST(SubspaceParts, CutWithinAUnitTheyAgreeToRounding) {
  const Rows rows;
  const auto whole = score_rows(rows.all());
  int rounds = 0;
  const auto scores = scores_in_parts(rows, {}, {{0, 70'000}, {70'000, kRows - 70'000}}, rounds);
  for (std::size_t i = 0; i < scores.size(); i += 997) EXPECT_NEAR(scores[i] / whole.scores[i], 1, 1e-10);
}

/// Leaving a part out is what one process makes of the rows that are left.
TEST(SubspaceParts, APartCanBeTakenAwayAgain) {
  const Rows rows;
  const auto folder = new_folder();
  const auto kernels = make_cpu_kernels();
  StoredFit stored{SubspaceFit(kCols, {})};
  std::vector<PartContents> parts;
  for (const auto& cut : {Cut{0, kUnitRows}, Cut{2 * kUnitRows, 1000}}) {
    const auto file = folder / std::to_string(cut.first);
    parts.push_back(
        write_part(rows.part(cut.first, cut.count), cut.first, units_of(cut.count, cut.first), stored, file));
  }
  const auto remarks = merge_parts(parts, stored, *kernels);
  EXPECT_THAT(remarks.gaps, ElementsAre("no file has rows 65536 to 131071"));
  EXPECT_THAT(remarks.cut_units, IsEmpty());
  EXPECT_EQ(stored.fit.state().count, kUnitRows + 1000 - 1);
}

class BadParts : public ::testing::Test {
 protected:
  PartContents part(const std::string& name, Cut cut, const std::string& digest = "") {
    return write_part(rows_.part(cut.first, cut.count), cut.first, units_of(cut.count, cut.first),
                      {SubspaceFit(kCols, {}), {}, digest}, folder_ / name);
  }
  std::string merged(std::vector<PartContents> parts, const std::string& digest = "") {
    StoredFit stored{SubspaceFit(kCols, {}), {}, digest};
    try {
      merge_parts(parts, stored, *make_cpu_kernels());
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  std::string read(const std::string& name) {
    try {
      read_part(folder_ / name);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  Rows rows_;
  fs::path folder_ = new_folder();
};

TEST_F(BadParts, OverlapsAndMixturesAreRefused) {
  const auto a = part("a", {0, 1000}), b = part("b", {999, 10}), c = part("c", {1000, 10}, std::string(64, 'f'));
  EXPECT_THAT(merged({a, b}), testing::AllOf(HasSubstr("b' has row 999, which"), HasSubstr("a' has too")));
  EXPECT_THAT(merged({a, a}), HasSubstr("rows 0 to 999"));
  EXPECT_THAT(merged({a, c}), HasSubstr("c' has the sums of a second pass"));
  EXPECT_THAT(merged({a}, std::string(64, 'f')), HasSubstr("a' has the sums of the first pass"));
  EXPECT_EQ(merged({a, part("d", {1000, 10})}), "");
}

/// A second pass over other rows than the first would be silently wrong.
TEST_F(BadParts, ALaterPassHasTheRowsOfTheFirst) {
  constexpr std::int64_t kSecond = kUnitRows;
  const auto sums = [&](const std::string& name, Cut cut, const StoredFit& before, const Rows& rows) {
    const auto units = units_of(cut.count, cut.first);
    return write_part(rows.part(cut.first, cut.count), cut.first, units, before, folder_ / name);
  };
  StoredFit stored{SubspaceFit(kCols, with(true, false, true))};
  const auto a = sums("a", {0, kSecond}, stored, rows_), b = sums("b", {kSecond, 1000}, stored, rows_);
  merge_parts(std::vector{a, b}, stored, *make_cpu_kernels());
  save_fit(stored, folder_ / "fit");
  stored = load_fit(folder_ / "fit");
  const auto again = [&](const std::vector<PartContents>& parts) {
    auto copy = stored;
    try {
      merge_parts(parts, copy, *make_cpu_kernels());
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto a2 = sums("a2", {0, kSecond}, stored, rows_), b2 = sums("b2", {kSecond, 1000}, stored, rows_);
  EXPECT_EQ(again({b2, a2}), "");
  EXPECT_THAT(again({a2}), HasSubstr("No file has the sums of rows 65536 to 66535, which the first pass summed"));
  EXPECT_THAT(again({b2}), HasSubstr("No file has the sums of rows 0 to 65535"));
  EXPECT_THAT(again({a2, b2, sums("c2", {kSecond + 1000, 5}, stored, rows_)}),
              HasSubstr("c2' has the sums of rows 66536 to 66540, which the first pass did not sum"));
  EXPECT_THAT(again({a2, sums("d2", {kSecond, 999}, stored, rows_)}),
              HasSubstr("d2' sums rows 65536 to 66534 together, and the first pass rows 65536 to 66535"));
  EXPECT_THAT(again({a2, sums("e2", {kSecond, 1000}, stored, Rows(20))}),
              HasSubstr("e2' has other vectors in rows 65536 to 66535 than the first pass"));
}

TEST_F(BadParts, DamagedFilesAreNamed) {
  part("a", {0, kUnitRows + 10});
  const auto bytes = read_file(folder_ / "a");
  for (const std::size_t size : {bytes.size() - 1, bytes.size() / 2, std::size_t{136}, std::size_t{128}}) {
    write_file_atomically(folder_ / "cut", bytes.substr(0, size));
    EXPECT_THAT(read("cut"), HasSubstr("cut' is cut short or damaged")) << size;
  }
  write_file_atomically(folder_ / "cut", "PK");
  EXPECT_THAT(read("cut"), HasSubstr("is not a file of sums"));
  for (const std::size_t at : {std::size_t{16}, std::size_t{60}, std::size_t{140}, bytes.size() - 3}) {
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] + 1);
    write_file_atomically(folder_ / "cut", changed);
    std::string problem = read("cut");
    if (problem.empty()) problem = merged({read_part(folder_ / "cut")});
    EXPECT_THAT(problem, HasSubstr("cut' is cut short or damaged")) << at;
  }
  StoredFit stored{SubspaceFit(kCols, {})};
  merge_parts(std::vector{read_part(folder_ / "a")}, stored, *make_cpu_kernels());
  save_fit(stored, folder_ / "fit");
  auto text = read_file(folder_ / "fit");
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] + 1);
  for (const auto& damaged : {text, text.substr(0, 20), std::string("x")}) {
    write_file_atomically(folder_ / "fit", damaged);
    EXPECT_THROW(load_fit(folder_ / "fit"), UserError);
  }
}

}  // namespace
}  // namespace scalselect
