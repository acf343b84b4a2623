// One pool in every container, as other programs write them (golden/pools/make_pools.py), and damaged ones.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "data/byte_stream.h"
#include "data/containers/json_file.h"
#include "data/containers/tar.h"
#include "data/describe_pool.h"
#include "data/image.h"
#include "data/picture_ref.h"
#include "data/pool.h"
#include "data/pool_paths.h"
#include "data/subset.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const fs::path kPools = fs::path(SCALSELECT_TEST_DATA) / "pools";

fs::path place(const std::string& name) {
  const auto folder = fs::path(::testing::TempDir()) / "containers_test";
  fs::create_directories(folder);
  return folder / name;
}

fs::path write(const std::string& name, std::string_view bytes) {
  std::ofstream(place(name), std::ios::binary) << bytes;
  return place(name);
}

std::vector<Sample> samples_of(const Pool& pool) {
  std::vector<Sample> samples;
  pool.for_each([&](Sample& sample) { samples.push_back(sample); });
  return samples;
}

/// The same rows, ids, turns, sources and bytes of pictures.
void expect_same(const Pool& expected, const Pool& pool) {
  const auto a = samples_of(expected), b = samples_of(pool);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].row, b[i].row);
    EXPECT_EQ(a[i].id, b[i].id) << i;
    ASSERT_EQ(a[i].turns.size(), b[i].turns.size()) << i;
    for (std::size_t t = 0; t < a[i].turns.size(); ++t) {
      EXPECT_EQ(a[i].turns[t].role, b[i].turns[t].role);
      EXPECT_EQ(a[i].turns[t].text, b[i].turns[t].text);
    }
    ASSERT_EQ(a[i].images.size(), b[i].images.size()) << i;
    for (std::size_t p = 0; p < a[i].images.size(); ++p) {
      EXPECT_EQ(read_picture(a[i].images[p]), read_picture(b[i].images[p])) << i;
      EXPECT_TRUE(picture_exists(b[i].images[p]));
      EXPECT_EQ(decode_image(b[i].images[p]), decode_image(a[i].images[p]));
    }
    EXPECT_EQ(expected.has_picture(a[i].row), pool.has_picture(b[i].row));
  }
}

Pool json_pool() { return Pool(kPools / "pool.json"); }

TEST(Containers, TheSameRowsFromEachOfThem) {
  const auto expected = json_pool();
  ASSERT_EQ(expected.size(), 12);
  for (const char* name : {"pool.jsonl", "pool.jsonl.gz", "pool.json.zst", "webdataset.tar", "gnu.tar", "pax.tar"}) {
    SCOPED_TRACE(name);
    const Pool pool(kPools / name);
    EXPECT_THAT(pool.problems(), SizeIs(0));
    expect_same(expected, pool);
    const auto row = pool.sample(9);
    EXPECT_EQ(row.id, "row-9");
    const std::int64_t some[] = {2, 3, 11};
    const auto samples = pool.samples(some);
    EXPECT_THAT(samples, SizeIs(3));
    EXPECT_EQ(samples[2].id, "row-11");
  }
}

TEST(Containers, APipeIsReadOnce) {
  const auto pipe = place("pipe");
  fs::remove(pipe);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  if (const auto child = ::fork(); child == 0) {
    std::ofstream(pipe, std::ios::binary) << read_file(kPools / "pool.jsonl.gz");
    ::_exit(0);
  }
  const Pool pool(pipe, kPools);
  expect_same(json_pool(), pool);
  EXPECT_EQ(pool.digest(FileDigests(place("digests"))).size(), 64U);
}

TEST(Containers, RowsFarIntoAFileAreFound) {
  std::string lines, array;
  for (int i = 0; i < 5000; ++i) {
    const auto row = fmt::format("{{\"id\": {}, \"messages\": [{{\"role\": \"user\", \"content\": \"{}\"}}]}}", i,
                                 std::string(static_cast<std::size_t>(i % 300), 'x'));
    lines += row + (i % 7 == 0 ? "\r\n\n" : "\n");
    array += (i == 0 ? "[" : " ,\n ") + row;
  }
  const Pool a(write("many.jsonl", lines)), b(write("many.json", array + "]"));
  for (const auto* pool : {&a, &b}) {
    ASSERT_EQ(pool->size(), 5000);
    for (const std::int64_t row : {0, 1023, 1024, 1025, 2048, 4999}) {
      EXPECT_EQ(pool->sample(row).id, std::to_string(row));
    }
    const std::int64_t some[] = {3, 1030, 1031, 4097};
    EXPECT_EQ(pool->samples(some)[3].id, "4097");
    std::int64_t next = 4090;
    pool->for_each([&](const Sample& sample) { EXPECT_EQ(sample.row, next++); }, next);
    EXPECT_EQ(next, 5000);
  }
}

TEST(Containers, ShardsOfOtherTools) {
  const Pool pool(kPools / "onevision.tar");
  ASSERT_EQ(pool.size(), 6);
  const auto two = pool.sample(0), bare = pool.sample(1), text = pool.sample(2);
  EXPECT_EQ(two.id, "image_0");
  EXPECT_THAT(two.images, ElementsAre(HasSubstr("tar:"), HasSubstr("tar:")));
  EXPECT_TRUE(read_picture(two.images[0]).starts_with("\xFF\xD8")) << "the order of 'name', not of the members";
  EXPECT_EQ(two.turns.size(), 2U);
  EXPECT_EQ(bare.turns[1].text, "The second.");
  EXPECT_THAT(bare.images, SizeIs(1));
  EXPECT_EQ(text.turns[1].role, Role::kAssistant);
  EXPECT_EQ(text.turns[1].text, "Ho.");
  EXPECT_EQ(pool.reject_reason(3), "it is about a video, which is not supported");
  EXPECT_EQ(pool.reject_reason(4), "its .json member is missing");
  EXPECT_EQ(pool.reject_reason(5), "it names a picture, and the tar holds none for it");

  const Pool captions(kPools / "captions.tar");
  ASSERT_EQ(captions.size(), 2);
  EXPECT_EQ(captions.sample(0).turns[0].text, "<image>");
  EXPECT_EQ(captions.sample(0).turns[1].text, "A \"caption\".");
  EXPECT_EQ(captions.sample(1).turns[1].text, "Another.");
  EXPECT_EQ(captions.sample(1).id, "0002");
}

TEST(Containers, ACutOrDamagedOneSaysHowManyRowsCouldBeRead) {
  const auto refusal = [](const std::string& name, std::string_view bytes) {
    return message_of([&] { Pool(write(name, bytes)); });
  };
  const auto gzip = read_file(kPools / "pool.jsonl.gz"), zstd = read_file(kPools / "pool.json.zst");
  EXPECT_THAT(
      refusal("cut.gz", std::string_view(gzip).substr(0, gzip.size() - 40)),
      AllOf(HasSubstr("cut.gz"), HasSubstr("gzip data that end in the middle"), HasSubstr("rows could be read")));
  auto damaged = gzip;
  damaged[damaged.size() - 6] ^= 1;  // of the second member's checksum
  EXPECT_THAT(refusal("damaged.gz", damaged), HasSubstr("has damaged gzip data; 12 rows could be read"));
  EXPECT_THAT(refusal("cut.zst", std::string_view(zstd).substr(0, zstd.size() / 2)), HasSubstr("Zstandard data"));

  const auto tar = read_file(kPools / "webdataset.tar");
  EXPECT_THAT(refusal("cut.tar", std::string_view(tar).substr(0, 8 * 512 + 100)),
              AllOf(HasSubstr("is cut in the middle of"), HasSubstr("1 row before that could be read")));
  auto header = tar;
  header[6 * 512 + 20] ^= 1;
  EXPECT_THAT(refusal("header.tar", header), HasSubstr("wrong checksum at byte 3072; 1 row before that could be read"));
  EXPECT_THAT(refusal("shards.tar.gz",
                      [&] {
                        CompressedWriter writer(place("packed"), Compression::kGzip);
                        writer.write(tar);
                        writer.commit();
                        return read_file(place("packed"));
                      }()),
              HasSubstr("is a compressed tar"));
}

TEST(Containers, WhatFollowsATarsEndMarkIsToldOf) {
  const auto tar = read_file(kPools / "captions.tar");
  const auto said = [&](const std::string& bytes) {
    const auto file = write("joined.tar", bytes);
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(Pool(file).size(), 2);
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(said(tar + std::string(20 * 512, '\0')), "");
  EXPECT_THAT(said(tar + tar), AllOf(HasSubstr("joined.tar' goes on at byte " + std::to_string(tar.size())),
                                     HasSubstr("is not read (2 rows were)")));
}

TEST(Containers, PzstdsFirstFrameIsSkipped) {
  const auto packed = read_file(kPools / "pool.json.zst");
  const std::string frame("\x50\x2A\x4D\x18\x04\0\0\0\x12\x34\0\0", 12);
  EXPECT_EQ(Pool(write("pzstd.json.zst", frame + packed)).size(), Pool(kPools / "pool.json.zst").size());
}

/// A Zstandard frame of one raw block that asks for a window of 1 << `log` bytes (RFC 8878, section 3.1.1).
std::string frame_with_window(int log, const std::string& text) {
  const auto block = static_cast<std::uint32_t>(text.size() << 3 | 1);  // the last one, raw
  std::string frame("\x28\xB5\x2F\xFD\0", 5);
  frame += static_cast<char>((log - 10) << 3);
  for (int i = 0; i < 3; ++i) frame += static_cast<char>(block >> (8 * i));
  return frame + text;
}

TEST(Containers, ALongWindowOfZstandardIsReadAndALongerOneIsNoDamage) {
  const std::string row = R"({"conversations": [{"from": "human", "value": "?"}]})";
  EXPECT_EQ(Pool(write("long27.jsonl.zst", frame_with_window(27, row))).size(), 1);
  EXPECT_EQ(Pool(write("long30.jsonl.zst", frame_with_window(30, row))).size(), 1);
  const auto refusal = message_of([&] { Pool(write("long31.jsonl.zst", frame_with_window(31, row))); });
  EXPECT_THAT(refusal, AllOf(HasSubstr("long31.jsonl.zst' was compressed with a window of more than 1 GiB"),
                             HasSubstr("without --long"), Not(HasSubstr("damaged"))));
}

TEST(Containers, TextInWideUnitsIsNamed) {
  const auto wide = [](const std::string& text, std::size_t before, std::size_t after) {
    std::string bytes;
    for (const char c : text) bytes += std::string(before, '\0') + c + std::string(after, '\0');
    return bytes;
  };
  const std::string rows = "[{\"id\": 1}]";
  const auto refusal = [&](const std::string& bytes) { return message_of([&] { Pool(write("wide.json", bytes)); }); };
  EXPECT_THAT(refusal(wide(rows, 0, 1)),
              AllOf(HasSubstr("wide.json' is UTF-16LE text"), HasSubstr("iconv -f UTF-16LE")));
  EXPECT_THAT(refusal(wide(rows, 1, 0)), HasSubstr("is UTF-16BE text"));
  EXPECT_THAT(refusal(wide(rows, 0, 3)), HasSubstr("is UTF-32LE text"));
  EXPECT_THAT(refusal(std::string("\xFF\xFE\0\0", 4) + wide(rows, 0, 3)), HasSubstr("is UTF-32 text"));
  EXPECT_THAT(message_of([&] { Pool(write("mac.jsonl", "{\"id\": 1}\r{\"id\": 2}\r")); }),
              HasSubstr("ends its lines with carriage returns alone"));
}

TEST(Containers, EveryCutOfATarIsRefusedOrWarnedAbout) {
  const auto tar = read_file(kPools / "captions.tar");
  // Two rows in nine blocks and the end mark: only between two members, or in their padding, nothing is lost.
  int refused = 0;
  for (std::size_t size = 0; size <= 9 * 512; size += 128) {
    const auto file = write("every.tar", std::string_view(tar).substr(0, size));
    ::testing::internal::CaptureStderr();
    const auto message = message_of([&] { EXPECT_LE(Pool(file).size(), 2); });
    const auto said = ::testing::internal::GetCapturedStderr();
    if (message != "nothing was thrown") ++refused;
    else EXPECT_THAT(said, HasSubstr("lacks the end mark of a tar")) << size;
  }
  EXPECT_GT(refused, 15);
}

/// Arrow opens no file whose columns are nested more deeply than 100.
TEST(Containers, DeepMembersOfParquetRowsAreText) {
  const std::string open(300, '['), close(300, ']');
  const Pool pool(
      write("deep.jsonl", "{\"id\": 1, \"deep\": " + open + "7" + close +
                              R"(, "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})"
                              "\n"));
  const std::vector<std::int64_t> rows = {0};
  write_subset(pool, rows, place("deep.parquet"));
  EXPECT_EQ(Pool(place("deep.parquet")).sample(0).turns.size(), 2u);
}

TEST(Containers, NumbersThatParquetRowsLoseAreTold) {
  std::vector<std::int64_t> rows = {0, 1};
  const std::string turns = R"("conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}])";
  const auto said = [&](const char* first) {
    const Pool pool(write("nan.jsonl", "{\"id\": 1, \"clip\": " + std::string(first) + ", " + turns + "}\n" +
                                           "{\"id\": 2, \"clip\": null, " + turns + "}\n"));
    ::testing::internal::CaptureStderr();
    write_subset(pool, rows, place("nan.parquet"));
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said("-Infinity"), HasSubstr("NaN and infinity are null in 1 rows"));
  EXPECT_EQ(said("1.5"), "");
}

TEST(Containers, ARowMayNotBeEndless) {
  const auto file = place("bomb.json.gz");
  CompressedWriter writer(file, Compression::kGzip);
  writer.write("[{\"id\": 1, \"conversations\": [{\"from\": \"human\", \"value\": \"");
  const std::string megabyte(std::size_t{1} << 20, 'x');
  for (std::size_t i = 0; i <= JsonValues::kValueBytes >> 20; ++i) writer.write(megabyte);
  writer.commit();
  EXPECT_LT(fs::file_size(file), 1U << 20);
  EXPECT_THAT(message_of([&] { const Pool pool{file}; }), HasSubstr("holds a row of more than 256 MiB"));
}

TEST(PoolFiles, FoldersPatternsAndBraces) {
  EXPECT_THAT(expand_braces("a{1..2}.{x,y}"), ElementsAre("a1.x", "a1.y", "a2.x", "a2.y"));
  EXPECT_THAT(expand_braces("{008..010}"), ElementsAre("008", "009", "010"));
  EXPECT_THAT(expand_braces("{a,{b,c}d}{x}"), ElementsAre("a{x}", "bd{x}", "cd{x}"));
  EXPECT_THAT(message_of([] { expand_braces("{0..9999999}"); }), HasSubstr("more than 1000000 files"));
  const auto folder = place("folder");
  fs::remove_all(folder);
  fs::create_directories(folder / "more.json");
  const auto row = [](int id) {
    return fmt::format("{{\"id\": {}, \"messages\": [{{\"role\": \"user\", \"content\": \"?\"}}]}}\n", id);
  };
  for (const char* name : {"b-1.jsonl", "a-0.jsonl", "._a-0.jsonl", ".DS_Store", "notes.txt"}) {
    std::ofstream(folder / name) << row(name[0]);
  }
  EXPECT_THAT(pool_files(folder), ElementsAre(folder / "a-0.jsonl", folder / "b-1.jsonl"));
  EXPECT_THAT(pool_files(folder / "*.jsonl"), ElementsAre(folder / "a-0.jsonl", folder / "b-1.jsonl"));
  EXPECT_THAT(pool_files(folder / "{b-1,a-0}.jsonl"), ElementsAre(folder / "b-1.jsonl", folder / "a-0.jsonl"));
  EXPECT_THAT(message_of([&] { pool_files(folder / "*.tar"); }), HasSubstr("No file matches"));
  EXPECT_THAT(message_of([&] { pool_files(folder / "more.json"); }), HasSubstr("holds no pool file"));
  EXPECT_THAT(message_of([&] { Pool(folder / "{a-0,z-9}.jsonl"); }), HasSubstr("z-9.jsonl"));
  const Pool pool(folder);
  EXPECT_EQ(pool.size(), 2);
  EXPECT_EQ(pool.sample(1).id, "98") << "b comes after a";
}

TEST(PoolEntries, AreOnePoolWithNamesAndQuotas) {
  const auto json = kPools / "pool.json", lines = kPools / "pool.jsonl";
  const Pool pool({{json.string(), {}, "first", 5, {}},
                   {lines.string(), kPools.string(), "second", {}, 0.25},
                   {(kPools / "{webdataset,gnu}.tar").string(), {}, {}, 10, {}}});
  ASSERT_EQ(pool.size(), 5 + 3 + 10);
  EXPECT_EQ(pool.sample(0).id, "row-2") << "spread evenly: the last of each fifth";
  EXPECT_EQ(pool.sample(4).id, "row-11");
  EXPECT_EQ(pool.sample(4).source, "first");
  EXPECT_EQ(pool.sample(5).id, "row-3");
  EXPECT_EQ(pool.sample(5).source, "second");
  EXPECT_EQ(pool.sample(17).id, "row-11");
  EXPECT_EQ(pool.sample(8).source, "");
  EXPECT_FALSE(pool.ids_tell_rows());
  EXPECT_THAT(pool.files(), SizeIs(4));
  std::int64_t next = 0;
  pool.for_each([&](const Sample& sample) {
    EXPECT_EQ(sample.row, next);
    EXPECT_EQ(sample.id, pool.sample(next++).id);
  });
  EXPECT_EQ(next, 18);
  EXPECT_THAT(message_of([&] { Pool({{json.string(), {}, {}, 13, {}}}); }), HasSubstr("13 rows of"));
  const FileDigests digests(place("digests"));
  const auto digest = [&](std::vector<PoolEntry> entries) { return Pool(std::move(entries)).digest(digests); };
  const auto both = digest({{json.string(), {}, {}, {}, {}}, {lines.string(), {}, {}, {}, {}}});
  EXPECT_NE(both, digest({{lines.string(), {}, {}, {}, {}}, {json.string(), {}, {}, {}, {}}}));
  EXPECT_NE(digest({{json.string(), {}, "name", {}, {}}}), json_pool().digest(digests));
}

TEST(Subsets, InEveryFormatHaveTheSameRows) {
  const auto expected = json_pool();
  const std::vector<std::int64_t> rows = {11, 0, 1, 2, 5, 8};
  const auto chosen = [&](const Pool& pool) {
    std::vector<std::string> ids;
    pool.for_each([&](const Sample& sample) {
      ids.push_back(sample.id);
      const auto original = expected.sample(std::stoll(sample.id.substr(4)));
      ASSERT_EQ(sample.images.size(), original.images.size()) << sample.id;
      for (std::size_t i = 0; i < sample.images.size(); ++i) {
        EXPECT_EQ(read_picture(sample.images[i]), read_picture(original.images[i]));
      }
      ASSERT_EQ(sample.turns.size(), original.turns.size());
      EXPECT_EQ(sample.turns[0].text, original.turns[0].text);
    });
    return ids;
  };
  for (const char* source : {"pool.json", "pool.jsonl.gz", "webdataset.tar", "pax.tar"}) {
    const Pool pool(kPools / source);
    for (const auto& [name, format] :
         std::vector<std::pair<std::string, SubsetFormat>>{{"s.json", SubsetFormat::kAuto},
                                                           {"s.jsonl", SubsetFormat::kAuto},
                                                           {"s.jsonl.zst", SubsetFormat::kAuto},
                                                           {"s.tar", SubsetFormat::kAuto},
                                                           {"s.json.gz", SubsetFormat::kLlava},
                                                           {"t.json", SubsetFormat::kShareGpt},
                                                           {"own", SubsetFormat::kAuto},
                                                           {"u", SubsetFormat::kWebDataset}}) {
      SCOPED_TRACE(std::string(source) + " -> " + name);
      fs::remove_all(place("subsets"));
      const auto file = place("subsets") / name;
      write_subset(pool, rows, file, format);
      EXPECT_THAT(chosen(Pool(file, fs::exists(place("subsets/" + name.substr(0, 1) + "_images")) || name == "u" ||
                                            name.ends_with(".tar")
                                        ? place("subsets")
                                        : kPools)),
                  ElementsAre("row-0", "row-1", "row-2", "row-5", "row-8", "row-11"));
    }
    write_subset(pool, rows, place("ids.txt"), SubsetFormat::kIds);
    EXPECT_EQ(read_file(place("ids.txt")), "row-0\nrow-1\nrow-2\nrow-5\nrow-8\nrow-11\n");
#ifdef SCALSELECT_HAS_PARQUET
    write_subset(pool, rows, place("s.parquet"));
    EXPECT_THAT(chosen(Pool(place("s.parquet"))), ElementsAre("row-0", "row-1", "row-2", "row-5", "row-8", "row-11"));
#endif
  }
}

TEST(Subsets, LeaveRowsAsTheyAre) {
  const Pool tar(kPools / "webdataset.tar"), json(kPools / "pool.json");
  write_subset(tar, {1, 4}, place("own.tar"));
  const auto whole = read_file(kPools / "webdataset.tar"), part = read_file(place("own.tar"));
  const auto begin = whole.find("000001."), end = whole.find("000002.");
  EXPECT_TRUE(part.starts_with(std::string_view(whole).substr(begin, end - begin))) << "members with their headers";
  write_subset(json, {3}, place("line.jsonl"));
  const auto line = read_file(place("line.jsonl"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, HasSubstr("\"value\": \"<image>\\nQuestion 3 \\u00e9?\""));
  write_subset(json, {5}, place("llava.json"), SubsetFormat::kLlava);
  EXPECT_THAT(
      read_file(place("llava.json")),
      AllOf(HasSubstr("\"score\": NaN"), HasSubstr("\"image\": [\"5_0.png\",\"5_1.png\"]"), HasSubstr("\"from\"")));
  // The same stem in two shards.
  const Pool twice(
      {{(kPools / "captions.tar").string(), {}, {}, {}, {}}, {(kPools / "captions.tar").string(), {}, {}, {}, {}}});
  write_subset(twice, {1, 2, 3}, place("ids.txt"), SubsetFormat::kIds);
  EXPECT_EQ(read_file(place("ids.txt")), "1\n2\n3\n");
  fs::remove_all(place("shards"));
  write_subset(twice, {1, 2, 3}, place("shards"));
  EXPECT_EQ(Pool(place("shards")).size(), 3);
}

std::string picture_row(const std::string& image, const std::string& role = "human") {
  return "{\"id\": \"" + image + "\", \"image\": \"" + image + "\", \"conversations\": [{\"from\": \"" + role +
         "\", \"value\": \"<image>?\"}, {\"from\": \"gpt\", \"value\": \"!\"}]}\n";
}

TEST(Subsets, AJsonFileHoldsPicturesOfOneFolderAlone) {
  fs::remove_all(place("roots"));
  fs::create_directories(place("roots/a"));
  fs::create_directories(place("roots/b"));
  write("roots/a/0.png", "of a");
  write("roots/b/0.png", "of b");
  const auto rows = write("roots/p.jsonl", picture_row("0.png")), others = write("roots/q.jsonl", picture_row("0.png"));
  const Pool pool(std::vector<PoolEntry>{{rows.string(), place("roots/a").string(), {}, {}, {}},
                                         {others.string(), place("roots/b").string(), {}, {}, {}}});
  EXPECT_THAT(message_of([&] {
                write_subset(pool, {0, 1}, place("roots/s.json"));
              }),
              HasSubstr("would be below 2 folders"));
  EXPECT_FALSE(fs::exists(place("roots/s.json")));
  write_subset(pool, {1}, place("roots/one.json"));
  write_subset(pool, {0, 1}, place("roots/s.tar"));
  const Pool packed(place("roots/s.tar"));
  EXPECT_EQ(read_picture(packed.sample(0).images[0]), "of a");
  EXPECT_EQ(read_picture(packed.sample(1).images[0]), "of b");

  EXPECT_THAT(message_of([&] { write_subset(packed, {0}, place("roots/s.tar.gz")); }), HasSubstr("compressed tar"));

  // Pictures that come out of a tar are not written over others.
  write_subset(packed, {0, 1}, place("roots/x.jsonl"));
  write_subset(packed, {0, 1}, place("roots/x.json"));
  write("roots/x_images/000000001.bin", "of another subset");
  EXPECT_THAT(message_of([&] { write_subset(packed, {1}, place("roots/x.json")); }), HasSubstr("is another picture"));
  EXPECT_EQ(read_file(place("roots/x_images/000000001.bin")), "of another subset");
}

TEST(Subsets, AMissingPictureLeavesItsRow) {
  fs::remove_all(place("gone"));
  fs::create_directories(place("gone"));
  write("gone/0.png", "picture");
  const Pool pool(write("gone/p.jsonl", picture_row("0.png") + picture_row("1.png")));
  EXPECT_EQ(write_subset(pool, {0, 1}, place("gone/s.tar")), 2);
  const Pool tar(place("gone/s.tar"));
  EXPECT_EQ(read_picture(tar.sample(0).images[0]), "picture");
  EXPECT_THAT(tar.sample(1).images, SizeIs(0));
#ifdef SCALSELECT_HAS_PARQUET
  EXPECT_EQ(write_subset(pool, {0, 1}, place("gone/s.parquet")), 2);
  fs::remove(place("gone/0.png"));
  const Pool columns(place("gone/s.parquet"));
  EXPECT_EQ(read_picture(columns.sample(0).images[0]), "picture");
  EXPECT_THAT(columns.sample(1).images, ElementsAre(place("gone/1.png").string()));
  EXPECT_FALSE(picture_exists(columns.sample(1).images[0]));
#endif
}

/// Makes the last member of a tar, called `name`, `size` bytes long: a hole.
void stretch_last_member(const fs::path& tar, const std::string& name, std::uint64_t size) {
  auto bytes = read_file(tar);
  const auto at = bytes.rfind(name);
  bytes.resize(at + 512);
  bytes.replace(at + 124, 11, fmt::format("{:011o}", size));
  bytes.replace(at + 148, 8, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = at; i < bytes.size(); ++i) sum += static_cast<unsigned char>(bytes[i]);
  bytes.replace(at + 148, 7, fmt::format("{:06o}", sum) + '\0');
  write_file_atomically(tar, bytes);
  fs::resize_file(tar, bytes.size() + (size + 511) / 512 * 512 + 1024);
}

TEST(Subsets, APictureThatIsTooLargeIsMissingAndTheOthersAreWritten) {
  fs::remove_all(place("large"));
  fs::create_directories(place("large"));
  write("large/0.png", "picture");
  fs::resize_file(write("large/1.png", "sparse"), static_cast<std::uintmax_t>(kPictureBytes) + 1);
  const Pool pool(write("large/p.jsonl", picture_row("0.png") + picture_row("1.png")));
  EXPECT_THAT(message_of([&] { read_picture(place("large/1.png").string()); }),
              HasSubstr("more than the limit of 1024"));
  EXPECT_EQ(write_subset(pool, {0, 1}, place("large/s.tar")), 2);
  EXPECT_THAT(Pool(place("large/s.tar")).sample(1).images, SizeIs(0));
  EXPECT_EQ(describe_pool(pool, {}).picture_formats.at("unreadable"), 1);
#ifdef SCALSELECT_HAS_PARQUET
  EXPECT_EQ(write_subset(pool, {0, 1}, place("large/s.parquet")), 2);
#endif
  fs::remove(place("large/1.png"));
  write("large/1.png", std::string(4096, 'p'));
  write_subset(pool, {0, 1}, place("large/whole.tar"));
  stretch_last_member(place("large/whole.tar"), "000000001.png", static_cast<std::uint64_t>(kPictureBytes) + 1);
  EXPECT_EQ(write_subset(Pool(place("large/whole.tar")), {0, 1}, place("large/unpacked.json")), 2);
  const Pool unpacked(place("large/unpacked.json"));
  EXPECT_EQ(read_picture(unpacked.sample(0).images[0]), "picture");
  EXPECT_FALSE(picture_exists(unpacked.sample(1).images[0]));
}

TEST(Subsets, RowsThatCannotBeUsedStayInTextAndNowhereElse) {
  fs::remove_all(place("odd"));
  fs::create_directories(place("odd"));
  write("odd/0.png", "picture");
  const std::string deep = "{\"id\": 1, \"x\": " + std::string(100000, '[') + std::string(100000, ']') + "}\n";
  const Pool pool(write("odd/p.jsonl", picture_row("0.png") + picture_row("0.png", "robot") + "null\n" + deep));
  const std::vector<std::int64_t> rows = {0, 1, 2, 3};
  EXPECT_EQ(write_subset(pool, rows, place("odd/s.jsonl")), 4);
  EXPECT_EQ(read_file(place("odd/s.jsonl")), read_file(place("odd/p.jsonl")));
  EXPECT_EQ(write_subset(pool, rows, place("odd/s.tar")), 1);
  EXPECT_EQ(Pool(place("odd/s.tar")).size(), 1);
#ifdef SCALSELECT_HAS_PARQUET
  EXPECT_EQ(write_subset(pool, rows, place("odd/s.parquet")), 1);
  EXPECT_EQ(Pool(place("odd/s.parquet")).size(), 1);
#endif
}

}  // namespace
}  // namespace scalselect
