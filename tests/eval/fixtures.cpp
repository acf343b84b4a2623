#include "fixtures.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "data/image.h"

namespace scalselect::eval::testing {

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "eval-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

std::string TempFolder::write(const std::string& name, const std::string& bytes) const {
  std::filesystem::create_directories((path_ / name).parent_path());
  std::ofstream(path_ / name, std::ios::binary) << bytes;
  return (path_ / name).string();
}

std::string fake_png(int number) {
  const auto level = [number](int shift) { return static_cast<std::uint8_t>(number >> shift & 0xFF); };
  return encode_png({1, 1, {level(0), level(8), level(16)}});
}

std::string base64(const std::string& bytes) {
  static const char* const kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned value = 0;
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j) value = value << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j) text += j <= have ? kDigits[value >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::string golden(const std::string& name) { return std::string(SCALSELECT_TEST_DATA) + "/" + name; }

std::vector<std::string> TableGenerator::generate(std::span<const GenerationPrompt> prompts, const GenerationOptions&) {
  if (fail_after_calls == 0) throw std::runtime_error("killed");
  if (fail_after_calls > 0) --fail_after_calls;
  std::vector<std::string> answers;
  for (const auto& prompt : prompts) answers.push_back(answer_(prompt));
  prompts_seen += static_cast<int>(prompts.size());
  return answers;
}

BenchmarkOptions write_mmbench(const TempFolder& folder) {
  const std::vector<std::vector<std::string>> choices = {
      {"red", "green", "blue", "grey"}, {"one", "two", "six"}, {"up", "down"}};
  std::string table = "index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\tl2-category\n";
  for (std::size_t q = 0; q < choices.size(); ++q) {
    const std::size_t count = choices[q].size();
    for (std::size_t r = 0; r < count; ++r) {
      std::vector<std::string> cells(4);
      for (std::size_t i = 0; i < count; ++i) cells[i] = choices[q][(i + r) % count];
      const char answer = static_cast<char>('A' + (count - r) % count);  // the first text is right
      table += fmt::format("{}\tWhat is it?\t{}\t{}\t{}\t{}\t{}\t{}\tcat{}\t{}\tlevel\n", q + 7 + r * 1000000,
                           q == 0 ? "\"a\nhint\"" : "", cells[0], cells[1], cells[2], cells[3], answer, q % 2,
                           r == 0 ? base64(fake_png(static_cast<int>(q))) : std::to_string(q + 7));
    }
  }
  BenchmarkOptions options;
  options.kind = "mmbench";
  options.name = "mini-mmbench";
  options.path = folder.write("mmbench.tsv", table);
  return options;
}

BenchmarkOptions write_pope(const TempFolder& folder, int images) {
  for (const std::string split : {"adversarial", "popular", "random"}) {
    std::string lines;
    for (int i = 0; i < images; ++i) {
      folder.write(fmt::format("pope/images/{}.png", i), fake_png(i));
      lines += fmt::format(
          "{{\"question_id\": {}, \"image\": \"{}.png\", \"text\": \"Is there a dog?\", \"label\": \"yes\"}}\n",
          2 * i + 1, i);
      lines += fmt::format(
          "{{\"question_id\": {}, \"image\": \"{}.png\", \"text\": \"Is there a {} cat?\", \"label\": \"no\"}}\n",
          2 * i + 2, i, split);
    }
    folder.write("pope/coco_pope_" + split + ".json", lines);
  }
  BenchmarkOptions options;
  options.kind = "pope";
  options.path = (folder / "pope").string();
  return options;
}

}  // namespace scalselect::eval::testing
