// How near `scalselect score` comes to what the machine allows: the floor of its parts, and the whole process, in turn.
//   bench_scoring_floor SCALSELECT FEATURES.npz [RUNS]
// The floor of a table of N x d: reading the file from the page cache, and OpenBLAS with as many threads as the
// program's: dsyrk of N x d in float64, dsyevr for the k vectors that are kept, dgemm of N x d by d x k, and writing
// as many bytes as the scores take. Reading overlaps with multiplying, so of the two the longer counts:
//   max(read, syrk) + eigenvectors + max(read, project) + write.
// The smallest of RUNS (5) each. The file is read once before, and so is in the page cache if it fits.
#include <Eigen/src/misc/lapacke.h>
#include <cblas.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/npz.h"
#include "core/parallel.h"
#include "core/subprocess.h"
#include "selector/finite_blocks.h"
#include "selector/linalg.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void read_all(const fs::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<char> buffer(16 << 20);
  while (::read(in.get(), buffer.data(), buffer.size()) > 0) {
  }
}

/// Runs `program score`; its output on standard output.
std::string score(const std::string& program, const fs::path& features, const fs::path& out) {
  const auto ended = run_program({program, "score", "features=" + features.string(), "out=" + out.string()});
  if (ended.status != 0)
    throw UserError(ErrorKind::kEnvironment, fmt::format("'{} score' failed: {}", program, ended.err));
  return ended.out;
}

/// The products of a table of `rows`, block by block as `score` has them.
class Products {
 public:
  Products(std::int64_t rows, std::int64_t cols, std::int64_t k)
      : rows_(rows), block_(RowMajorMatrixXd::Random(std::min(rows, subspace_block_rows(cols)), cols)) {
    gram_.setZero(cols, cols);
    basis_.setRandom(k, cols);
    projected_.resize(block_.rows(), k);
  }

  void syrk() {
    gram_.setZero();
    const auto d = static_cast<int>(gram_.cols());
    for_each_block([&](int n) {
      cblas_dsyrk(CblasColMajor, CblasUpper, CblasNoTrans, d, n, 1, block_.data(), d, 1, gram_.data(), d);
    });
  }

  void eigenvectors() {
    auto matrix = gram_;
    int n = static_cast<int>(gram_.cols()), first = n - static_cast<int>(basis_.rows()) + 1, found = 0, info = 0;
    char vectors = 'V', range = 'I', upper = 'U';
    double unused = 0, size = 0;
    int query = -1, isize = 0;
    Eigen::VectorXd values(n), work(1);
    RowMajorMatrixXd out(basis_.rows(), n);
    Eigen::VectorXi support(2 * n), iwork(1);
    LAPACK_dsyevr(&vectors, &range, &upper, &n, matrix.data(), &n, &unused, &unused, &first, &n, &unused, &found,
                  values.data(), out.data(), &n, support.data(), &size, &query, &isize, &query, &info);
    int work_size = static_cast<int>(size);
    work.resize(work_size);
    iwork.resize(isize);
    LAPACK_dsyevr(&vectors, &range, &upper, &n, matrix.data(), &n, &unused, &unused, &first, &n, &unused, &found,
                  values.data(), out.data(), &n, support.data(), work.data(), &work_size, iwork.data(), &isize, &info);
  }

  void project() {
    const auto d = static_cast<int>(gram_.cols()), k = static_cast<int>(basis_.rows());
    for_each_block([&](int n) {
      cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k, n, d, 1, basis_.data(), d, block_.data(), d, 0,
                  projected_.data(), k);
    });
  }

 private:
  template <class Use>
  void for_each_block(const Use& use) {
    for (std::int64_t first = 0; first < rows_; first += block_.rows())
      use(static_cast<int>(std::min<std::int64_t>(block_.rows(), rows_ - first)));
  }

  std::int64_t rows_;
  RowMajorMatrixXd block_, gram_, basis_, projected_;
};

int run(const std::string& program, const fs::path& features, int runs) {
  const auto shape = NpzReader(features).describe("representations").shape;
  const auto rows = shape.at(0), cols = shape.at(1);
  const fs::path out = fs::temp_directory_path() / fmt::format("scoring_floor.{}.jsonl", ::getpid());
  const auto said = score(program, features, out);  // warms the page cache
  const auto k = std::atoll(said.substr(said.find("k = ") + 4).c_str());
  const std::string text(fs::file_size(out), 'x');
  Products products(rows, cols, k);
  openblas_set_num_threads(thread_count());
  constexpr double kMost = std::numeric_limits<double>::max();
  double read = kMost, syrk = kMost, vectors = kMost, project = kMost, write = kMost, whole = kMost;
  const auto note = [](double& best, const std::function<void()>& work) { best = std::min(best, seconds_of(work)); };
  for (int i = 0; i < runs; ++i) {
    note(read, [&] { read_all(features); });
    note(syrk, [&] { products.syrk(); });
    note(vectors, [&] { products.eigenvectors(); });
    note(project, [&] { products.project(); });
    note(write, [&] { write_file_atomically(out, text); });
    note(whole, [&] { score(program, features, out); });
  }
  fs::remove(out);
  const double floor = std::max(read, syrk) + vectors + std::max(read, project) + write;
  fmt::print("{} x {}, k = {}, {} threads, {}; seconds, the best of {}\n", rows, cols, k, thread_count(),
             blas_description(), runs);
  fmt::print("  read {:.3f}  syrk {:.3f} ({:.0f} GFLOP/s)  eigenvectors {:.3f}  project {:.3f}  write {:.3f}\n", read,
             syrk, 1e-9 * static_cast<double>(rows * cols * cols) / syrk, vectors, project, write);
  fmt::print("  floor {:.3f}  whole process {:.3f}  = {:.2f} x the floor\n", floor, whole, whole / floor);
  return 0;
}

}  // namespace
}  // namespace scalselect

int main(int argc, char** argv) {
  using namespace scalselect;
  if (argc < 3) {
    fmt::print(stderr, "Usage: bench_scoring_floor SCALSELECT FEATURES.npz [RUNS]\n");
    return 2;
  }
  if (const char* core = better_openblas_core(); core != nullptr) {  // the kernels that the program takes, too
    setenv("OPENBLAS_CORETYPE", core, 1);
    execv("/proc/self/exe", argv);
  }
  try {
    return run(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 5);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
