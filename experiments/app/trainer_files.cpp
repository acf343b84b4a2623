#include "experiments/app/trainer_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "core/check.h"
#include "core/error.h"
#include "data/picture_ref.h"
#include "data/subset.h"
#include "experiments/app/commands.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;

/// The published LoRA recipe, from the project's own configurations.
trainer::TrainOptions recipe() {
  const auto composed = config::compose(request_for({}, "trainer/llava15_lora"));
  return bind_options<trainer::TrainOptions>(composed.json()["trainer"], "trainer", composed.origin());
}

std::optional<std::int64_t> pixels(const nlohmann::json& model, const char* key) {
  const auto found = model.find(key);
  return found != model.end() && found->is_number_integer() ? std::optional(found->get<std::int64_t>()) : std::nullopt;
}

std::vector<std::int64_t> all_rows(const Pool& pool) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pool.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// Whether the pool's containers hold pictures of the rows.
bool holds_pictures(const Pool& pool, const std::vector<std::int64_t>& rows) {
  bool inside = false;
  pool.for_each_of(rows, [&](const Sample& sample) {
    inside = inside || std::any_of(sample.images.begin(), sample.images.end(), is_picture_reference);
  });
  return inside;
}

/// The subset as a trainer reads it: with pictures beside it that `write_subset` took out of the pool's containers.
std::unique_ptr<Pool> unpacked(const fs::path& subset, const handover::Trainer& trainer) {
  std::error_code unknown;
  std::unique_ptr<Pool> pool;
  if (fs::is_directory(pictures_beside(subset), unknown)) pool = std::make_unique<Pool>(subset);
  if (pool && !holds_pictures(*pool, all_rows(*pool))) return pool;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("The pictures of '{}' lie inside containers, and {} reads pictures from files.",
                              subset.string(), trainer.title),
                  "Give out= a name that ends in .json: they are then written beside it.");
}

}  // namespace

TrainerFiles trainer_files(const schema::SelectOptions& asked, const nlohmann::json& model) {
  TrainerFiles files;
  if (!asked.handover) return files;
  files.trainer = &handover::trainer_named(*asked.handover);
  auto& job = files.job;
  job.tags_as_ours = asked.handover_tags == schema::TagPlaces::kOurs;
  job.recipe = recipe();
  if (!model.is_object()) return files;
  const auto path = model.value("path", nlohmann::json());
  if (path.is_string() && path != "???") job.model = inputs::find_path(path.get<std::string>());
  const auto least = pixels(model, "min_pixels"), most = pixels(model, "max_pixels");
  if (least && most) job.area = handover::Area{*least, *most};
  handover::layout_for(*files.trainer, job);
  return files;
}

void write_trainer_files(const TrainerFiles& files, const Pool* pool, std::vector<std::int64_t> rows,
                         const fs::path& subset) {
  if (files.trainer == nullptr) return;
  SCALSELECT_CHECK(pool != nullptr);
  auto job = files.job;
  std::sort(rows.begin(), rows.end());
  std::unique_ptr<Pool> written;
  if (holds_pictures(*pool, rows)) {
    written = unpacked(subset, *files.trainer);
    rows = all_rows(*written);
  }
  job.pool = written ? written.get() : pool;
  job.rows = std::move(rows);
  job.subset = subset;
  job.image_root = job.pool->image_root(job.rows.front());
  handover::hand_over(*files.trainer, job);
}

}  // namespace scalselect::app
