#include <algorithm>
#include <cmath>
#include <limits>

#include "baselines/coincide.h"
#include "core/check.h"
#include "core/parallel.h"

namespace scalselect::coincide {
namespace {

constexpr std::int64_t kBlock = 256;

using Row = Eigen::Map<const Eigen::RowVectorXf>;

/// tanh(x), scaled to length `length`; a zero vector stays zero.
Eigen::RowVectorXf squashed(const Row& x, double length) {
  const Eigen::RowVectorXf out = x.unaryExpr([](float value) { return std::tanh(value); });
  const double norm = out.cast<double>().norm();
  return norm > 0 ? Eigen::RowVectorXf((out.cast<double>() * (length / norm)).cast<float>()) : out;
}

/// tail[i] = log of the sum of exp(logits) from position i on.
std::vector<double> log_tails(const std::vector<double>& logits) {
  std::vector<double> tail(logits.size() + 1, -std::numeric_limits<double>::infinity());
  for (std::size_t i = logits.size(); i-- > 0;) {
    const double larger = std::max(logits[i], tail[i + 1]), smaller = std::min(logits[i], tail[i + 1]);
    tail[i] = larger + std::log1p(std::exp(smaller - larger));
  }
  return tail;
}

}  // namespace

TableRows joined_features(const std::vector<FeatureTable>& parts, const std::vector<std::int64_t>& candidates) {
  const auto count = static_cast<std::int64_t>(parts.size()), width = parts.front().vectors->cols();
  TableRows joined;
  joined.rows = candidates;
  joined.cols = count * width;
  // The joined rows, and one part's table at a time.
  require_memory(4.0 * static_cast<double>(joined.size() * width) * static_cast<double>(count + 1), "coincide");
  joined.values.resize(static_cast<std::size_t>(joined.size() * joined.cols));
  const double length = 1 / std::sqrt(static_cast<double>(count));
  for (std::int64_t part = 0; part < count; ++part) {
    const auto table = load_rows(parts[static_cast<std::size_t>(part)], candidates, false, "coincide");
    parallel_blocks(joined.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        float* out = joined.values.data() + i * joined.cols + part * width;
        Eigen::Map<Eigen::RowVectorXf>(out, width) = squashed({table.row(i), width}, length);
      }
    });
  }
  return joined;
}

std::vector<double> transferability(MatrixView centers, const std::vector<std::int64_t>& sizes,
                                    std::optional<double> near) {
  const RowMajorMatrixXd wide = as_matrix(centers).cast<double>();
  const Eigen::VectorXd lengths = wide.rowwise().norm();
  std::vector<double> mean(sizes.size(), 0.0);
  parallel_blocks(centers.rows, 1, [&](std::int64_t c, std::int64_t) {
    const auto at = static_cast<std::size_t>(c);
    std::int64_t count = 0;
    for (std::size_t other = 0; other < sizes.size(); ++other) {
      if (other == at || sizes[other] == 0) continue;
      const auto o = static_cast<Eigen::Index>(other);
      const double scale = lengths(c) * lengths(o);
      const double cosine = scale > 0 ? wide.row(c).dot(wide.row(o)) / scale : 0;
      if (near && cosine > *near) continue;
      mean[at] += cosine;
      ++count;
    }
    if (count > 0) mean[at] /= static_cast<double>(count);
  });
  return mean;
}

std::vector<std::int64_t> by_score(const std::vector<double>& scores, const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> order;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    if (sizes[c] > 0) order.push_back(static_cast<std::int64_t>(c));
  }
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  return order;
}

std::vector<std::int64_t> share_out(const std::vector<double>& scores, const std::vector<std::int64_t>& sizes,
                                    std::int64_t budget, double temperature) {
  std::vector<std::int64_t> quotas(sizes.size(), 0), left = sizes;
  const auto give = [&](std::int64_t cluster, std::int64_t rows) {
    const auto c = static_cast<std::size_t>(cluster);
    rows = std::min(rows, left[c]);
    quotas[c] += rows;
    left[c] -= rows;
    budget -= rows;
  };
  while (budget > 0) {
    const auto order = by_score(scores, left);
    const auto before = budget;
    std::vector<double> logits;
    for (const auto c : order) {
      logits.push_back(scores[static_cast<std::size_t>(c)] / temperature);
      SCALSELECT_CHECK(std::isfinite(logits.back()));
    }
    const auto tails = log_tails(logits);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const double share = static_cast<double>(budget) * std::exp(logits[i] - tails[i]);
      give(order[i], static_cast<std::int64_t>(std::nearbyint(share)));
    }
    if (budget == before) give(order.front(), 1);  // every share rounds to nothing
  }
  return quotas;
}

}  // namespace scalselect::coincide
