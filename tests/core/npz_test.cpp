#include "core/npz.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/npy_format.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

fs::path golden(const char* name) { return fs::path(SCALSELECT_TEST_DATA) / name; }
fs::path scratch(const char* name) { return fs::path(::testing::TempDir()) / name; }

std::vector<float> all_of_rows(const RowSource& rows) {
  std::vector<float> values(static_cast<std::size_t>(rows.rows() * rows.cols()));
  rows.read(0, rows.rows(), values.data());
  return values;
}

std::vector<float> expected() {
  std::vector<float> values;
  for (int i = 0; i < 12; ++i) values.push_back(static_cast<float>(i - 5) / 8);
  return values;
}

class NumpyFile : public ::testing::TestWithParam<const char*> {};

TEST_P(NumpyFile, IsReadLikeNumpyWroteIt) {
  const NpzReader reader(golden(GetParam()));
  EXPECT_THAT(reader.strings("sample_ids"), ElementsAre("7", "coco_é", "日本", "𝄞"));
  const auto rows = reader.rows("representations");
  EXPECT_EQ(rows->rows(), 4);
  EXPECT_EQ(rows->cols(), 3);
  EXPECT_EQ(all_of_rows(*rows), expected());
  float part[3];
  rows->read(2, 1, part);
  EXPECT_EQ(part[0], 1.0F / 8);
}
INSTANTIATE_TEST_SUITE_P(Npz, NumpyFile, ::testing::Values("stored.npz", "deflated.npz"));

TEST(Npz, WidensEveryHalfAsTheyAreOneByOne) {
  constexpr int kAll = 1 << 16;
  const auto file = scratch("halves.npy");
  std::string bytes = make_npy_header("<f2", {kAll / 256, 256});
  for (int i = 0; i < kAll; ++i) bytes += {static_cast<char>(i & 255), static_cast<char>(i >> 8)};
  write_file_atomically(file, bytes);
  const auto values = all_of_rows(*open_npy_rows(file));
  for (int i = 0; i < kAll; ++i) {
    const float one = half_to_float(static_cast<std::uint16_t>(i)), value = values[static_cast<std::size_t>(i)];
    if (std::isnan(one)) EXPECT_TRUE(std::isnan(value)) << i;
    else EXPECT_EQ(std::memcmp(&one, &value, sizeof one), 0) << i;
  }
}

TEST(Npz, ReadsOtherPrecisionsIntegersAndPlainNpy) {
  const NpzReader reader(golden("types.npz"));
  EXPECT_EQ(all_of_rows(*reader.rows("half")), expected());
  EXPECT_EQ(all_of_rows(*reader.rows("double")), expected());
  EXPECT_EQ(all_of_rows(*open_npy_rows(golden("matrix.npy"))), expected());
  EXPECT_THAT(NpzReader(golden("stored.npz")).integers("counts"), ElementsAre(1, -2, 3));
  EXPECT_THAT(NpzReader(golden("stored.npz")).strings("counts"), ElementsAre("1", "-2", "3"));
  EXPECT_THAT(reader.describe("vector").shape, ElementsAre(3));
}

TEST(Npz, SaysWhyAnArrayCannotBeRead) {
  const NpzReader reader(golden("types.npz"));
  EXPECT_THAT(message_of([&] { reader.rows("fortran"); }), HasSubstr("Fortran order"));
  EXPECT_THAT(message_of([&] { reader.rows("big"); }), HasSubstr("'>f4'"));
  EXPECT_THAT(message_of([&] { reader.rows("short"); }), HasSubstr("'<i2'"));
  EXPECT_THAT(message_of([&] { reader.rows("object"); }), HasSubstr("Python objects"));
  EXPECT_THAT(message_of([&] { reader.rows("vector"); }), HasSubstr("not a matrix"));
  EXPECT_THAT(message_of([&] { reader.rows("absent"); }), HasSubstr("no array 'absent'"));
}

TEST(Npz, ImpossibleSizesAreRefused) {
  const auto refused = [](const std::string& descr, const std::string& shape) {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    header.resize(117, ' ');
    const auto file = scratch("impossible.npy");
    std::ofstream(file, std::ios::binary) << "\x93NUMPY" << '\1' << '\0' << '\x76' << '\0' << header << '\n'
                                          << "12345678";
    return message_of([&] { open_npy_rows(file); });
  };
  EXPECT_THAT(refused("<f4", "4611686018427387904, 8"), HasSubstr("a size that no file has"));
  EXPECT_THAT(refused("<f8", "2305843009213693952, 8"), HasSubstr("a size that no file has"));
  EXPECT_THAT(refused("<U4611686018427387904", "1, 1"), HasSubstr("a size that no file has"));
  EXPECT_THAT(refused("<U0", "4611686018427387904,"), HasSubstr("a size that no file has"));
  EXPECT_THAT(refused("<U0", "1000000000,"), HasSubstr("strings of no characters"));
  EXPECT_THAT(refused("<f4", "1000000000000, 0"), HasSubstr("rows of no numbers"));
  EXPECT_THAT(refused("<f4", "-1, 2"), HasSubstr("makes no sense"));
  EXPECT_THAT(refused("<f4", "3, 1"), HasSubstr("cut short"));
}

TEST(Npz, EveryTruncationIsAnErrorOfTheUser) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string whole = read_file(golden(name));
    for (std::size_t size = 0; size < whole.size(); size += 7) {
      const auto file = scratch("cut.npz");
      std::ofstream(file, std::ios::binary) << whole.substr(0, size);
      EXPECT_THROW(NpzReader(file).rows("representations"), UserError) << name << " cut to " << size;
    }
  }
}

TEST(Npz, ADamagedCompressedMemberIsNoticed) {
  std::string bytes = read_file(golden("deflated.npz"));
  const auto place = bytes.find("representations.npy") + 60;
  bytes[place] = static_cast<char>(bytes[place] ^ 0x55);
  const auto file = scratch("damaged.npz");
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_THAT(message_of([&] { NpzReader(file).rows("representations"); }), HasSubstr("representations"));
}

/// As NumPy, which compares the checksum of members that are not compressed, too.
TEST(Npz, ADamagedStoredMemberIsNoticed) {
  const auto values = expected();
  const auto file = scratch("stored.npz");
  NpzWriter writer(file);
  writer.add("sample_ids", std::vector<std::string>{"7", "8", "9", "10"});
  writer.add("representations", MemoryRows(MatrixView{values.data(), 4, 3}));
  writer.finish();
  const std::string whole = read_file(file);
  const auto damaged_at = [&](std::size_t place) {
    auto bytes = whole;
    bytes[place] = static_cast<char>(bytes[place] ^ 0x10);
    std::ofstream(file, std::ios::binary) << bytes;
    return NpzReader(file);
  };
  const auto header = whole.find("NUMPY", whole.find("representations.npy"));
  ASSERT_NE(header, whole.npos);
  const auto data = whole.find('\n', header) + 1;
  for (const auto place : {data, data + 47}) {
    const auto rows = damaged_at(place).rows("representations");
    std::vector<float> read(12);
    rows->read(0, 2, read.data());
    EXPECT_THAT(message_of([&] { rows->read(2, 2, read.data() + 6); }), HasSubstr("its checksum is wrong"));
  }
  const auto ids = whole.find('\n', whole.find("NUMPY", whole.find("sample_ids.npy"))) + 1;
  EXPECT_THAT(message_of([&] { damaged_at(ids).strings("sample_ids"); }), HasSubstr("its checksum is wrong"));
}

TEST(Npz, ReadsBackWhatItWrites) {
  const auto values = expected();
  const MemoryRows rows(MatrixView{values.data(), 4, 3});
  const auto file = scratch("ours.npz");
  NpzWriter writer(file);
  writer.add("sample_ids", std::vector<std::string>{"7", "coco_é", "日本", "𝄞"});
  writer.add("representations", rows);
  const std::vector<std::int64_t> counts{1, -2, 3};
  writer.add("counts", std::span<const std::int64_t>(counts));
  writer.finish();
  const NpzReader reader(file);
  EXPECT_THAT(reader.names(), ElementsAre("sample_ids", "representations", "counts"));
  EXPECT_EQ(all_of_rows(*reader.rows("representations")), values);
  EXPECT_THAT(reader.strings("sample_ids"), ElementsAre("7", "coco_é", "日本", "𝄞"));
  EXPECT_THAT(reader.integers("counts"), ElementsAre(1, -2, 3));
}

TEST(Npz, SurrogatesAndWhatIsNotUnicodeAreRefused) {
  const auto file = scratch("points.npz");
  for (const std::uint32_t point : {0xd800U, 0xdfffU, 0x110000U, 0xffffffffU}) {
    NpzWriter writer(file);
    writer.add("sample_ids", std::vector<std::string>{"a", "bcd"});
    writer.finish();
    std::string bytes = read_file(file);
    const std::uint32_t letter = 'c';
    const auto place = bytes.find(std::string(reinterpret_cast<const char*>(&letter), sizeof(letter)));
    ASSERT_NE(place, std::string::npos);
    const auto array = bytes.rfind("\x93NUMPY", place);
    const auto crc_of_array = [&] {
      const auto end = bytes.find("PK\1\2");
      return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data() + array), end - array));
    };
    const auto before = crc_of_array();
    std::memcpy(bytes.data() + place, &point, sizeof(point));
    const auto after = crc_of_array();
    for (auto at = bytes.find(std::string_view(reinterpret_cast<const char*>(&before), 4)); at != bytes.npos;
         at = bytes.find(std::string_view(reinterpret_cast<const char*>(&before), 4), at)) {
      std::memcpy(bytes.data() + at, &after, 4);
    }
    write_file_atomically(file, bytes);
    EXPECT_THAT(message_of([&] { NpzReader(file).strings("sample_ids"); }), HasSubstr("in its item 1"));
  }
}

TEST(Npz, AnUnfinishedWriterLeavesNothing) {
  const auto file = scratch("unfinished/x.npz");
  { NpzWriter writer(file); }
  EXPECT_TRUE(fs::is_empty(file.parent_path()));
}

TEST(Half, RoundsToNearestEvenEverywhere) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) continue;
    EXPECT_EQ(float_to_half(value), half);
  }
  EXPECT_EQ(float_to_half(1.0F + 0x1p-11F), 0x3c00);             // half way, to even
  EXPECT_EQ(float_to_half(1.0F + 0x1p-11F + 0x1p-20F), 0x3c01);  // above half way
  EXPECT_EQ(float_to_half(1.0F + 3 * 0x1p-11F), 0x3c02);
  EXPECT_EQ(float_to_half(65519.0F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_TRUE(std::isnan(half_to_float(float_to_half(NAN))));
}

}  // namespace
}  // namespace scalselect
