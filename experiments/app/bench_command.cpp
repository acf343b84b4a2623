// bench: how much of what this machine can do the hot paths get out of it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <vector>

#include "baselines/feature_file.h"
#include "core/files.h"
#include "core/npy_format.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "data/image.h"
#include "data/pool.h"
#include "experiments/app/machine_rates.h"
#include "experiments/app/plain_words.h"
#include "experiments/inputs/pool.h"
#include "experiments/pipeline/plan_runs.h"
#include "experiments/plan/work.h"
#include "selector/feature_kinds.h"
#include "selector/subspace.h"
#include "vlm/checkpoint.h"
#include "vlm/probe.h"
#include "vlm/text_generator.h"

namespace scalselect::app {
namespace {
namespace fs = std::filesystem;

constexpr char kCommand[] = "bench";
constexpr char kQuestion[] = "what color is the large circle on the left of the small red square ?";

/// A folder below the cache, removed at the end.
class Scratch {
 public:
  explicit Scratch(const fs::path& cache) : folder_(cache / fmt::format("bench.{}", ::getpid())) {
    ensure_folder(folder_);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& folder() const { return folder_; }
  fs::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  fs::path folder_;
};

void print_row(const std::string& path, const std::string& rate, const std::string& share) {
  fmt::print("  {:42} {:>22}   {}\n", path, rate, share);
}

std::string of_rate(double part, double whole, const char* what) {
  return whole > 0 ? fmt::format("{:.0f} % of {}", 100 * part / whole, what) : std::string();
}

void print_machine(const MachineRates& rates) {
  fmt::print("This machine, {} threads, {}\n", thread_count(), compute_device().text());
  print_row("product of 2048 x 2048, float32", fmt::format("{:.4g} GFLOP/s", rates.product / 1e9), "");
  print_row("the same in bfloat16", fmt::format("{:.4g} GFLOP/s", rates.product_bf16 / 1e9), "");
  print_row("Gram matrix, float64, on the CPU", fmt::format("{:.4g} GFLOP/s", rates.gram / 1e9), "");
  print_row("memory, copied", fmt::format("{:.3g} GB/s", rates.copy / 1e9), "");
  print_row("disk, written", fmt::format("{:.3g} GB/s", rates.disk_write / 1e9), "");
  print_row("disk, read", fmt::format("{:.3g} GB/s", rates.disk_read / 1e9), "");
}

/// Samples about pictures of 640 x 480 in blocks of colours, each its own.
std::vector<Sample> samples_in(const Scratch& scratch, int count) {
  constexpr std::size_t kBlock = 40, kAcross = 640 / kBlock;
  Rng rng(1, "bench/pictures");
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    Image image{640, 480, std::vector<std::uint8_t>(640 * 480 * 3)};
    std::vector<std::uint8_t> shades(3 * kAcross * 480 / kBlock);
    for (auto& shade : shades) shade = static_cast<std::uint8_t>(rng.below(256));
    for (std::size_t at = 0; at < image.rgb.size(); ++at) {
      const auto x = at / 3 % 640, y = at / 3 / 640;
      image.rgb[at] = shades[3 * (y / kBlock * kAcross + x / kBlock) + at % 3];
    }
    const auto file = scratch / fmt::format("{}.png", i);
    write_png(file, image);
    auto& sample = samples.emplace_back();
    sample.row = i;
    sample.images = {file.string()};
    sample.turns = {{Role::kUser, kQuestion}, {Role::kAssistant, "red"}};
  }
  return samples;
}

/// The linear layers of the tower, the projector and the first decoder layer for one sample with one picture. Of text,
/// queries, keys and values alone are needed.
std::vector<ProductShape> linear_layers(const plan::ModelShape& shape, std::int64_t visual, std::int64_t text) {
  const auto& tower = shape.tower;
  const auto& decoder = shape.decoder;
  const auto patches = visual * tower.patches_per_token + tower.extra_positions;
  const auto queries = decoder.heads * decoder.head_dim, keys = decoder.kv_heads * decoder.head_dim;
  const std::int64_t into = tower.gated ? 2 : 1;
  return {{patches, tower.hidden, tower.hidden, 4 * tower.blocks},
          {patches, tower.hidden, tower.intermediate, into * tower.blocks},
          {patches, tower.intermediate, tower.hidden, tower.blocks},
          {visual, shape.projector_weights / decoder.hidden, decoder.hidden, 1},
          {visual + text, decoder.hidden, queries, 1},
          {visual + text, decoder.hidden, keys, 2},
          {visual, queries, decoder.hidden, 1},
          {visual, decoder.hidden, decoder.intermediate, 2},
          {visual, decoder.intermediate, decoder.hidden, 1}};
}

/// The attention of the tower, where it looks at whole pictures, and of the first decoder layer to the picture.
std::vector<AttentionShape> attentions(const plan::ModelShape& shape, std::int64_t visual) {
  const auto& tower = shape.tower;
  const auto& decoder = shape.decoder;
  const auto patches = visual * tower.patches_per_token + tower.extra_positions;
  std::vector<AttentionShape> all = {{decoder.heads, visual, decoder.head_dim, true, 1}};
  if (tower.heads > 0) all.push_back({tower.heads, patches, tower.hidden / tower.heads, false, tower.blocks});
  return all;
}

void bench_extraction(const fs::path& model, const std::string& dtype, const Scratch& scratch) {
  constexpr int kMost = 64;
  constexpr double kSeconds = 2;  // about, of one pass
  auto samples = samples_in(scratch, kMost);
  const std::vector<FeatureSpec> pooled = {PooledVisualSpec{}}, counted = {PooledVisualSpec{}, TokenCountSpec{}};
  const auto request = request_for(pooled), with_counts = request_for(counted);
  vlm::ProbeOptions options;
  options.cache_mb = 0;
  const auto probe = vlm::open_probe(model, dtype, request, options);
  std::vector<ProductShape> layers;
  std::vector<AttentionShape> attention;
  probe->observe(std::span(samples).first(1), with_counts, [&](const SampleSignals& signals) {
    const auto shape = pipeline::shape_of_model(model);
    const auto visual = signals.early.at(0).hidden.rows;
    layers = linear_layers(shape, visual, signals.counts->all);
    attention = attentions(shape, visual);
  });
  double flop = 0;
  for (const auto& layer : layers) flop += layer.flop();
  const auto rate = products_rate(layers, dtype != "float32");
  const int threads = std::min(thread_count(), kMost);
  const auto each = static_cast<int>(std::clamp<double>(kSeconds * rate / flop / threads, 1, kMost / threads));
  samples.resize(static_cast<std::size_t>(each * threads));  // as many for each thread, or some would wait
  const auto count = static_cast<double>(samples.size());
  const auto time = fastest([&] { probe->observe(samples, request, [](const SampleSignals&) {}); });
  print_row("products of the extraction's shapes, " + dtype, fmt::format("{:.4g} GFLOP/s", rate / 1e9), "");
  const auto floor = count * (flop / rate + attention_seconds(attention, dtype != "float32"));
  print_row("extraction, " + dtype, fmt::format("{:.4g} samples/s", count / time),
            fmt::format("{}, {}", of_rate(flop * count / time, rate, "these products"),
                        of_rate(floor, time, "them and attention")));
}

void bench_generation(const fs::path& model, const std::string& dtype, const MachineRates& rates) {
  constexpr int kFew = 4, kMany = 36;
  const auto generator = vlm::open_generator(model, {}, dtype, {}, /*lone_prompt=*/true);
  const std::vector<GenerationPrompt> prompt = {{kQuestion, {}}};
  std::size_t tokens = 0;
  const auto answer = [&](int limit) {
    return fastest([&] { tokens = generator->answer(prompt, {limit, 1}).front().ids.size(); });
  };
  const auto few = answer(kFew);
  const auto begin = tokens;
  const auto many = answer(kMany);
  if (tokens <= begin || many <= few) {
    print_row(fmt::format("generation, one prompt, {}", dtype), "too short", "the model ends its answer at once");
    return;
  }
  const auto rate = static_cast<double>(tokens - begin) / (many - few);
  const auto bytes = plan::bytes_per_token(pipeline::shape_of_model(model), dtype == "float32" ? 4 : 2);
  print_row(fmt::format("generation, one prompt, {}", dtype), fmt::format("{:.4g} tokens/s", rate),
            compute_device().cuda ? "" : of_rate(rate * bytes, rates.copy, "memory, reading the weights"));
}

/// Rows with a decaying spectrum, as features have.
std::vector<float> decaying_rows(std::int64_t rows, std::int64_t columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  parallel_blocks(rows, 1024, [&](std::int64_t begin, std::int64_t end) {
    Rng rng(static_cast<std::uint64_t>(begin), "bench/table");
    for (auto i = begin; i < end; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        values[static_cast<std::size_t>(i * columns + j)] =
            static_cast<float>((rng.uniform() - 0.5) / (1.0 + static_cast<double>(j) / 64));
      }
    }
  });
  return values;
}

void bench_scoring(const Scratch& scratch, const MachineRates& rates) {
  constexpr std::int64_t kRows = 50'000, kColumns = 1024;
  const auto values = decaying_rows(kRows, kColumns);
  const auto what = fmt::format("scoring {} x {}", kRows, kColumns);
  const auto gram = static_cast<double>(kRows * kColumns * kColumns);
  const MemoryRows in_memory(MatrixView{values.data(), kRows, kColumns});
  const auto inside = fastest([&] { score_rows(in_memory); });
  print_row(what + ", in memory", fmt::format("{:.3g} s", inside), of_rate(gram / inside, rates.gram, "the Gram rate"));
  const auto file = scratch / "table.npy";
  const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  write_file_atomically(file, make_npy_header("<f4", {kRows, kColumns}).append(bytes), Durability::kNone);
  const auto outside = fastest([&] { score_rows(*open_feature_file(file).vectors); });
  print_row(what + ", from a file", fmt::format("{:.3g} s", outside),
            of_rate(gram / outside, rates.gram, "the Gram rate"));
}

void bench_pool(const Scratch& scratch, const MachineRates& rates) {
  constexpr std::int64_t kRows = 100'000;
  const auto file = scratch / "pool.jsonl";
  std::string text;
  for (std::int64_t row = 0; row < kRows; ++row) {
    text += fmt::format(
        R"({{"id": "{}", "image": "{}.png", "conversations": [{{"from": "human", "value": "<image>\n{}"}}, )"
        R"({{"from": "gpt", "value": "{}"}}]}})"
        "\n",
        row, row, kQuestion, kQuestion);
  }
  write_file_atomically(file, text, Durability::kNone);
  const auto time = fastest([&] {
    const Pool pool(file);
    pool.for_each([](const Sample&) {});
  });
  const auto rate = 2 * static_cast<double>(text.size()) / time;  // opened, which reads it, and read
  print_row("a pool of JSON lines, opened and read", fmt::format("{:.3g} GB/s", rate / 1e9),
            of_rate(rate, rates.disk_read, "the disk"));
}

}  // namespace

int run_bench(const Words& words) {
  const auto asked = parse_plain(kCommand, words, 0);
  use_machine(asked);
  const auto model = inputs::find_path(asked.value("model", "data/mini/model"));
  const auto dtype = asked.value("dtype", "float32");
  pipeline::shape_of_model(model);  // what cannot be used is told before a minute is spent
  vlm::weight_dtype(dtype);
  const Scratch scratch(asked.value("cache", "cache"));
  const auto rates = measure_machine(scratch.folder());
  print_machine(rates);
  fmt::print("\nThe hot paths, model '{}'\n", model.string());
  bench_extraction(model, dtype, scratch);
  bench_generation(model, dtype, rates);
  bench_scoring(scratch, rates);
  bench_pool(scratch, rates);
  return 0;
}

}  // namespace scalselect::app
