#include "experiments/handover/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/selection.h"
#include "experiments/handover/files.h"
#include "experiments/handover/text.h"

namespace scalselect::handover {
namespace {

namespace fs = std::filesystem;

/// Remembers which pictures exist: samples share them.
class Pictures {
 public:
  /// The first of a sample's pictures that is missing; empty: none.
  std::string missing(const Sample& sample) {
    for (const auto& path : sample.images) {
      const auto [known, fresh] = exists_.try_emplace(path, false);
      std::error_code unreadable;
      if (fresh) known->second = fs::is_regular_file(path, unreadable);
      if (!known->second) return path;
    }
    return {};
  }

 private:
  std::unordered_map<std::string, bool> exists_;
};

/// Files of an earlier handover that this one may not write again.
void clear(const fs::path& folder) {
  for (const char* name : {"rows.json", "rows.jsonl", "left_out.jsonl"}) {
    std::error_code ignored;
    fs::remove(folder / name, ignored);
  }
}

/// HF `datasets`, which reads the rows for both but train.py, takes these characters of a path for a pattern.
void warn_of_pattern(const Trainer& trainer, const fs::path& data) {
  const auto path = whole_path(data);
  if (trainer.name == std::string("llava") || path.find_first_of("[]*?") == std::string::npos) return;
  log_warning("'{}': {} takes [, ], * and ? in a path for a pattern and may not find it; move it to another folder",
              path, trainer.title);
}

void write_left_out(const std::vector<LeftOut>& rows, const Pool& pool, const fs::path& file) {
  std::string text;
  std::vector<std::int64_t> numbers;
  for (const auto& left : rows) numbers.push_back(left.row);
  const auto ids = ids_of(pool, numbers);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const nlohmann::ordered_json line = {{"row", rows[i].row}, {"id", ids[i]}, {"reason", rows[i].reason}};
    text += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  write_file_atomically(file, text);
}

}  // namespace

std::string architecture_of(const fs::path& model) {
  const auto file = model / "config.json";
  std::error_code unreadable;
  if (!fs::is_regular_file(file, unreadable)) return {};
  const auto tree = nlohmann::json::parse(read_file(file, kConfigBytes), nullptr, false);
  if (!tree.is_object()) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' is not a JSON object.", file.string()), "Get it again.");
  }
  const auto type = tree.value("model_type", nlohmann::json());
  return type.is_string() ? type.get<std::string>() : std::string();
}

const Template& layout_for(const Trainer& trainer, const Job& job) {
  const auto architecture = job.model ? architecture_of(*job.model) : std::string();
  if (const auto* layout = template_for(trainer, architecture)) return *layout;
  std::string known;
  for (const auto& layout : trainer.templates) known += (known.empty() ? "" : ", ") + layout.architecture;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("'{}' is a model of type '{}', for which no template of {} is known here.",
                              job.model.value_or("").string(), architecture, trainer.title),
                  fmt::format("Known: {}. Without model.path the files name a template to be replaced.", known));
}

Row spelled_row(const Sample& sample, const Template& layout, bool as_ours) {
  Row row{sample.turns, std::ssize(sample.images), false};
  const auto first =
      std::find_if(row.turns.begin(), row.turns.end(), [](const Turn& turn) { return turn.role == Role::kUser; });
  if (row.images == 0 || first == row.turns.end()) return row;
  std::int64_t tags = 0;
  for (const auto& turn : row.turns) tags += count(turn.text, kImageTag);
  // Tags in later messages stay: our training would leave them there as text, and trainers have no way to say that.
  const bool later = tags > count(first->text, kImageTag);
  if (tags == row.images && (!as_ours || later)) return row;
  const auto bare = replaced(replaced(first->text, kImageTag, ""), "<img>", "");
  const auto text = repeated(std::string(kImageTag) + layout.after_tag, row.images) + std::string(strip(bare));
  row.rewritten = text != first->text;
  first->text = text;
  return row;
}

Spelled spell(const Trainer& trainer, const Job& job) {
  const auto& layout = layout_for(trainer, job);
  Spelled spelled;
  Pictures pictures;
  job.pool->for_each_of(job.rows, [&](const Sample& sample) {
    auto row = spelled_row(sample, layout, job.tags_as_ours);
    auto reason = trainer.refuse(row, layout);
    if (const auto missing = pictures.missing(sample); reason.empty() && !missing.empty()) {
      reason = fmt::format("picture '{}' is missing", missing);
    }
    if (!reason.empty()) {
      spelled.left_out.push_back({sample.row, std::move(reason)});
      return;
    }
    spelled.rewritten += row.rewritten ? 1 : 0;
    spelled.rows.emplace_back(sample.row, std::move(row));
  });
  return spelled;
}

void hand_over(const Trainer& trainer, const Job& job) {
  const auto& layout = layout_for(trainer, job);
  const auto spelled = spell(trainer, job);
  if (spelled.rows.empty()) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{} can train on none of the {} rows of '{}' (row {}: {}).", trainer.title, job.rows.size(),
                    job.subset.string(), spelled.left_out.front().row, spelled.left_out.front().reason),
        "Check pool.image_root and the conversations.");
  }
  const auto folder = fs::path(job.subset).replace_extension(trainer.name);
  clear(folder);
  const auto written = trainer.write({job, layout, job.model && !architecture_of(*job.model).empty(), spelled, folder});
  fmt::print("{}: {} rows for {}, template '{}', {}\n", folder.string(), written.rows, trainer.title, layout.name,
             written.anew.empty()
                 ? "read from the subset itself"
                 : fmt::format("written anew as {}: {}", written.data.filename().string(), written.anew));
  if (!spelled.left_out.empty()) {
    write_left_out(spelled.left_out, *job.pool, folder / "left_out.jsonl");
    const auto& first = spelled.left_out.front();
    fmt::print("  left out: {} of {} rows, listed in left_out.jsonl; the first is row {}: {}\n",
               spelled.left_out.size(), job.rows.size(), first.row, first.reason);
  }
  if (spelled.rewritten > 0) {
    fmt::print("  tags <image> put in front of the first question in {} rows\n", spelled.rewritten);
  }
  warn_of_pattern(trainer, written.data);
  fmt::print("  {}\n", written.command);
}

}  // namespace scalselect::handover
