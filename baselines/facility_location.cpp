// Facility location: f(S) = sum over all rows i of the largest similarity s_ij to a chosen row j, maximised greedily
// (1 - 1/e of the optimum, Nemhauser et al. 1978).
//
// A row that nothing chosen resembles counts 0, so negative similarities count as 0: raw cosines are clipped (as in
// submodlib and apricot on such a kernel); metric=cosine_shifted is DeepCore's (1 + cosine) / 2. The exact form
// compares all pairs: in a matrix up to `exact_rows` rows, above that by recomputing columns. The sparse form keeps
// for every row i only its `neighbors` most similar rows j, all others count 0; with neighbors = N it is the exact
// form.
#include <algorithm>
#include <functional>
#include <numeric>

#include "baselines/neighbors.h"
#include "baselines/registry.h"
#include "baselines/similarity.h"
#include "baselines/submodular.h"
#include "core/parallel.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

enum class Form { kAuto, kExact, kSparse };
enum class Optimizer { kLazy, kStochastic };

struct FacilityLocationOptions {
  SimilarityOptions similarity;
  Form form = Form::kAuto;
  std::int64_t exact_rows = 20000;
  std::int64_t neighbors = 64;
  Optimizer optimizer = Optimizer::kLazy;
  double epsilon = 0.1;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, FacilityLocationOptions& o) {
    SimilarityOptions::describe(v, o.similarity);
    v.choice("form", o.form, {{"auto", Form::kAuto}, {"exact", Form::kExact}, {"sparse", Form::kSparse}},
             "all pairs, or each row's nearest ones; auto: exact up to exact_rows rows");
    v.field("exact_rows", o.exact_rows, "rows up to which the matrix of all similarities is kept", Range{1, 1e6});
    v.field("neighbors", o.neighbors, "form=sparse: most similar rows kept for each row", Range{1, 1e6});
    v.choice("optimizer", o.optimizer, {{"lazy", Optimizer::kLazy}, {"stochastic", Optimizer::kStochastic}},
             "exact greedy, or the best of a sample drawn in each step");
    v.field("epsilon", o.epsilon, "optimizer=stochastic: samples of N / M ln(1 / epsilon) rows", Range{1e-9, 0.999});
    v.field("features", o.features, "vectors to cover; the options of scalselect (its subspace is not used)");
  }
};

/// Facility location over columns of similarities; subclasses decide how the columns are stored.
class Facilities : public SubmodularFunction {
 public:
  explicit Facilities(std::int64_t size) : nearest_(static_cast<std::size_t>(size), 0.0F) {}
  std::int64_t size() const final { return static_cast<std::int64_t>(nearest_.size()); }
  double value() const { return std::accumulate(nearest_.begin(), nearest_.end(), 0.0); }

 protected:
  /// In float64, where differences of float32 are exact: two rows that gain the same tie, whatever the order of terms.
  double excess(std::int64_t i, float similarity) const {
    return std::max(0.0, static_cast<double>(similarity) - static_cast<double>(nearest_[static_cast<std::size_t>(i)]));
  }
  void cover(std::int64_t i, float similarity) {
    float& nearest = nearest_[static_cast<std::size_t>(i)];
    nearest = std::max(nearest, similarity);
  }

 private:
  std::vector<float> nearest_;
};

class MatrixFacilities final : public Facilities {
 public:
  explicit MatrixFacilities(std::vector<float> matrix, std::int64_t size)
      : Facilities(size), matrix_(std::move(matrix)) {}
  double gain(std::int64_t item) const override {
    double sum = 0;
    for (std::int64_t i = 0; i < size(); ++i) sum += excess(i, column(item)[i]);
    return sum;
  }
  void add(std::int64_t item) override {
    for (std::int64_t i = 0; i < size(); ++i) cover(i, column(item)[i]);
  }

 private:
  const float* column(std::int64_t item) const { return matrix_.data() + item * size(); }
  std::vector<float> matrix_;
};

/// Stores no similarities: a gain costs O(N d).
class ComputedFacilities final : public Facilities {
 public:
  explicit ComputedFacilities(const Similarity& similarity) : Facilities(similarity.size()), similarity_(similarity) {}
  double gain(std::int64_t item) const override {
    double sum = 0;
    for (std::int64_t i = 0; i < size(); ++i) sum += excess(i, similarity_.at(i, item));
    return sum;
  }
  void add(std::int64_t item) override {
    for (std::int64_t i = 0; i < size(); ++i) cover(i, similarity_.at(i, item));
  }

 private:
  const Similarity& similarity_;
};

/// For every row j the rows i that have j among their nearest, ascending.
class SparseFacilities final : public Facilities {
 public:
  SparseFacilities(const Neighbors& neighbors, std::int64_t size)
      : Facilities(size), begin_(static_cast<std::size_t>(size) + 1, 0), entries_(neighbors.rows.size()) {
    for (const auto j : neighbors.rows) ++begin_[static_cast<std::size_t>(j) + 1];
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    auto next = begin_;
    for (std::int64_t i = 0; i < size; ++i) {
      for (std::int64_t at = i * neighbors.count; at < (i + 1) * neighbors.count; ++at) {
        const auto j = static_cast<std::size_t>(neighbors.rows[static_cast<std::size_t>(at)]);
        entries_[next[j]++] = {static_cast<std::int32_t>(i), neighbors.values[static_cast<std::size_t>(at)]};
      }
    }
  }
  double gain(std::int64_t item) const override {
    double sum = 0;
    for_column(item, [&](const Entry& entry) { sum += excess(entry.row, entry.similarity); });
    return sum;
  }
  void add(std::int64_t item) override {
    for_column(item, [&](const Entry& entry) { cover(entry.row, entry.similarity); });
  }

 private:
  struct Entry {
    std::int32_t row;
    float similarity;
  };
  template <class Visit>
  void for_column(std::int64_t item, const Visit& visit) const {
    const auto j = static_cast<std::size_t>(item);
    for (auto at = begin_[j]; at < begin_[j + 1]; ++at) visit(entries_[at]);
  }
  std::vector<std::size_t> begin_;
  std::vector<Entry> entries_;
};

/// Neighbour lists with similarities as values.
Neighbors similar_rows(const TableRows& table, const Similarity& similarity, const FacilityLocationOptions& options) {
  const bool rbf = options.similarity.metric == Metric::kRbf;
  require_memory(
      16.0 * static_cast<double>(table.size()) * static_cast<double>(std::min(options.neighbors, table.size())),
      "facility_location");
  auto neighbors = nearest_neighbors(table, options.neighbors, rbf ? Closeness::kDistance : Closeness::kProduct, true);
  parallel_blocks(table.size(), 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin * neighbors.count; at < end * neighbors.count; ++at)
      neighbors.values[static_cast<std::size_t>(at)] =
          similarity.at(at / neighbors.count, neighbors.rows[static_cast<std::size_t>(at)]);
  });
  return neighbors;
}

bool stochastic(const FacilityLocationOptions& options) { return options.optimizer == Optimizer::kStochastic; }

std::unique_ptr<Facilities> facilities_of(const FacilityLocationOptions& options, const TableRows& table,
                                          const Similarity& similarity, SelectionResult& result) {
  const bool few = table.size() <= options.exact_rows;
  if (options.form == Form::kSparse || (options.form == Form::kAuto && !few)) {
    result.facts["form"] = "sparse";
    return std::make_unique<SparseFacilities>(similar_rows(table, similarity, options), table.size());
  }
  result.facts["form"] = "exact";
  if (!few) return std::make_unique<ComputedFacilities>(similarity);
  return std::make_unique<MatrixFacilities>(similarity_matrix(similarity, "facility_location"), table.size());
}

SelectionResult select(const FacilityLocationOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table =
      load_rows(input.features.at(0), input.candidates, options.similarity.normalized(), "facility_location");
  const Similarity similarity(table, options.similarity);
  SelectionResult result;
  const auto facilities = facilities_of(options, table, similarity, result);
  const auto greedy = stochastic(options) ? stochastic_greedy(*facilities, budget, options.epsilon, input.seed,
                                                              "baselines/facility_location")
                                          : lazy_greedy(*facilities, budget);
  for (const auto i : greedy.items) result.rows.push_back(table.rows[static_cast<std::size_t>(i)]);
  result.facts["value"] = facilities->value();
  result.facts["evaluations"] = greedy.evaluations;
  return result;
}

Method make(const FacilityLocationOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = stochastic(options) ? BudgetUse::kEach : BudgetUse::kPrefix,
          .uses_seed = stochastic(options),
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry facility_location_entry() {
  return method_entry(
      "facility_location", "greedy cover of every row by a similar chosen one",
      "up to 20,000 rows: time O(N^2 d) + O(N) per evaluation, memory N^2 floats; above, with k neighbours: time "
      "O(N^2 d) in blocks + O(k) per evaluation, memory 4 N k + N d floats; ScalSelect's features",
      "Nemhauser, Wolsey and Fisher 1978; Wei, Iyer and Bilmes 2015", make);
}

}  // namespace scalselect
