#include "eval/releases.h"

#include <fmt/format.h>

#include "core/md5.h"

namespace scalselect::eval {
namespace {

constexpr Release kReleases[] = {
    {"MMBench_DEV_EN.tsv", "b6caf1133a01c6bb705cf753bb527ed8", 37156625, 4329},
    {"MMBench_DEV_CN.tsv", "08b8fc3324a5ed74155350f57be69fbd", 0, 4329},
    {"MMBench_TEST_EN.tsv", "6939fadb0ce626fefc0bdc9c64efc528", 0, 6666},
    {"MMBench_TEST_CN.tsv", "7e1239baf0ee4c8b513e19705a0f317e", 0, 6666},
    {"MMBench_DEV_EN_V11.tsv", "30c05be8f2f347a50be25aa067248184"},
    {"MMBench_DEV_CN_V11.tsv", "593f9b5f6bea453d870a798b34ae4f37"},
    {"MME.tsv", "b36b43c3f09801f5d368627fb92187c3", 0, 2374},
    {"POPE.tsv", "c12f5acb142f2ef1f85a26ba2fbe41d5"},
    {"AI2D_TEST.tsv", "0f593e0d1c7df9a3d69bf1f947e71975", 167443652, 3088},
    {"AI2D_TEST_NO_MASK.tsv", "fd8f463634d4fe9fbd23b876e8eea5be", 0, 3088},
    {"ScienceQA_TEST.tsv", "e42e9e00f9c59a80d8a5db35bc32b71f", 51398059, 2017},
    {"OCRBench.tsv", "e953d98a987cc6e26ef717b61260b778", 0, 1000},
    {"TextVQA_VAL.tsv", "b233b31f551bbf4056f2f955da3a92cd", 1222773494, 5000},
    {"ChartQA_TEST.tsv", "c902e0aa9be5582a7aad6dcf52734b42", 129773428, 2500},
    {"DocVQA_VAL.tsv", "d5ee77e1926ff10690d469c56b73eabf"},
    {"GQA_TestDev_Balanced.tsv", "99b62f22e224d9b2f32dcbe41359d1c9"},
    {"VizWiz.tsv", "fa4ac4164467563ed2fac6eac6631bd0"},
    {"SEEDBench_IMG.tsv", "68017231464752261a2526d6ca3a10c0", 619569378},
};

}  // namespace

std::span<const Release> known_releases() { return kReleases; }

std::string other_release(const std::filesystem::path& file) {
  const auto name = file.filename().string();
  for (const auto& release : kReleases) {
    if (name != release.file || !std::filesystem::is_regular_file(file)) continue;
    const auto found = md5_file(file);
    if (found == release.md5) return {};
    return fmt::format(
        "'{}' has the MD5 sum {}, the release of that name {}: scores on another revision of a benchmark cannot be "
        "compared with published ones",
        file.string(), found, release.md5);
  }
  return {};
}

}  // namespace scalselect::eval
