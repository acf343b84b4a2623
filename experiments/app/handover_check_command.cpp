// handover check: what a trainer elsewhere would make of a subset, beside our own training.
#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "experiments/app/bound_command.h"
#include "experiments/app/commands.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/pipeline/handover_check.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/schema/command_options.h"

namespace scalselect::app {
namespace {

constexpr std::size_t kListed = 5;  // rows of each kind on the console; out= has them all

using pipeline::HandoverReport;
using pipeline::RowFate;

void print_fates(const char* title, const std::vector<RowFate>& rows) {
  if (rows.empty()) return;
  fmt::print("{}: {}\n", title, rows.size());
  for (std::size_t i = 0; i < rows.size() && i < kListed; ++i) fmt::print("  row {}: {}\n", rows[i].row, rows[i].what);
  if (rows.size() > kListed) fmt::print("  … and {} more; out=FILE lists them all\n", rows.size() - kListed);
}

std::string counts(const pipeline::Agreement& equal, std::int64_t of) {
  return fmt::format("token ids {} of {}, targets {} of {}, visual tokens {} of {}", equal.ids, of, equal.targets, of,
                     equal.visual, of);
}

void write_fates(const HandoverReport& report, const std::string& file) {
  std::string text;
  const auto add = [&](const char* kind, const std::vector<RowFate>& rows) {
    for (const auto& [row, what] : rows) {
      const nlohmann::ordered_json line = {{"row", row}, {"kind", kind}, {"what", what}};
      text += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    }
  };
  add("left_out", report.left_out);
  add("left_out_there", report.left_out_there);
  add("left_out_here", report.left_out_here);
  add("too_long", report.too_long);
  add("masked", report.masked);
  write_file_atomically(file, text);
}

void print_report(const HandoverReport& report, const pipeline::HandoverCheck& check) {
  const auto& trainer = *check.trainer;
  fmt::print("{} ({}), template '{}', beside our own training: {} rows, {} compared\n", trainer.title, trainer.version,
             check.layout->name, report.rows, report.compared);
  fmt::print("equal: {}\n", counts(report.equal, report.compared));
  if (!report.first_difference.empty()) fmt::print("first difference: {}\n", report.first_difference);
  for (const auto& [change, equal] : report.variations) {
    fmt::print("{}: {}\n", change, counts(equal, report.compared));
  }
  print_fates("left out by both", report.left_out);
  print_fates("left out there, used here", report.left_out_there);
  print_fates("used there, left out here", report.left_out_here);
  print_fates(fmt::format("longer than {}={}", trainer.limit_key, check.settings.max_length).c_str(), report.too_long);
  print_fates("learnt nothing from there", report.masked);
}

int check_handover(const Words& words) {
  const Flags flags = parse_flags(words);
  if (const int code = answer_questions(flags, request_for(flags, "handover_check"), kHandoverUsage); code >= 0) {
    return code;
  }
  auto bound = bind_command(flags, "handover_check");
  const auto model = bound.take<pipeline::ModelOptions>("model");
  const auto pool_options = bound.take<inputs::PoolOptions>("pool");
  const auto asked = bind_options<schema::HandoverCheckOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  pipeline::HandoverCheck check;
  check.trainer = &handover::trainer_named(asked.trainer);
  const auto folder = inputs::find_path(model.path);
  const auto architecture = handover::architecture_of(folder);
  check.layout = handover::template_for(*check.trainer, architecture);
  if (check.layout == nullptr) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("No template of {} for models of type '{}' is known here.", check.trainer->title, architecture),
        "Choose another handover=.");
  }
  check.settings = {asked.system, asked.max_length};
  check.tags_as_ours = asked.tags == schema::TagPlaces::kOurs;
  check.rows = asked.rows.value_or(0);
  const auto pool = inputs::open_pool(pool_options, ArtifactCache(asked.cache));
  if (asked.out) check_outputs({*asked.out}, pool.files);
  const auto bounds = pipeline::pixels_of(model);
  vlm::LoadOptions light;  // the prompt and the images' sizes are asked for, no weights
  light.parts.tower = false;
  light.parts.decoder_layers = 0;
  light.parts.head = false;
  const auto opened = vlm::open_model(folder, light, bounds);
  const auto report = pipeline::check_handover(*pool.pool, folder, opened.chat, *opened.images, bounds, check);
  print_report(report, check);
  if (asked.out) write_fates(report, *asked.out);
  return 0;
}

}  // namespace

int run_handover(const Words& words) {
  if (!words.empty() && words[0] == "check") return check_handover({words.begin() + 1, words.end()});
  throw UserError(ErrorKind::kUsage,
                  words.empty() ? "`handover` needs a verb." : fmt::format("`handover` does not know '{}'.", words[0]),
                  std::string("Usage: ") + kHandoverUsage);
}

}  // namespace scalselect::app
