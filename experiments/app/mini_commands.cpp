// The mini world by hand: write it, look at it, pre-train its model, probe a checkpoint.
#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "data/mini/generate.h"
#include "experiments/app/commands.h"
#include "experiments/pipeline/run_config.h"
#include "trainer/pretrain/pretrain.h"
#include "trainer/pretrain/probes.h"
#include "vlm/checkpoint.h"

namespace scalselect::app {
namespace {

/// The value of `key=value` words that must be there.
std::string word_value(const Words& words, const std::string& key) {
  for (const auto& word : words) {
    if (word.rfind(key + "=", 0) == 0) return word.substr(key.size() + 1);
  }
  throw UserError(ErrorKind::kUsage, fmt::format("'{}=…' is missing.", key), std::string("Usage: ") + kMiniUsage);
}

nlohmann::json compose_command(const Words& words, const std::string& config_name, KeyOrigin& origin) {
  const Flags flags = parse_flags(words);
  const auto composed = config::compose(request_for(flags, config_name));
  config::require_complete(composed);
  origin = composed.origin();
  return composed.json();
}

int write_world(const Words& words) {
  KeyOrigin origin;
  const auto tree = compose_command(words, "mini_world", origin);
  const auto pool = bind_options<inputs::PoolOptions>(tree.at("pool"), "pool", origin);
  const std::string out = tree.at("out");
  Progress progress("writing the mini world", "files", -1);
  std::int64_t shown = 0;
  const auto manifest = mini::write_mini_world(out, pool.world, [&](std::int64_t done, std::int64_t) {
    progress.advance(done - shown);
    shown = done;
  });
  fmt::print("{}\n", manifest.dump(1));
  return 0;
}

/// Pictures of every scene type, enlarged, for people to look at.
int write_sheet(const Words& words) {
  const std::string out = word_value(words, "out");
  mini::write_contact_sheet(out);
  fmt::print("{}: one row a scene type\n", out);
  return 0;
}

int pretrain_model(const Words& words) {
  KeyOrigin origin;
  const auto tree = compose_command(words, "mini_pretrain", origin);
  const auto options = bind_options<pretrain::PretrainOptions>(tree.at("pretrain"), "pretrain", origin);
  pretrain::pretrain_mini_vlm(tree.at("out").get<std::string>(), options);
  return 0;
}

int probe_model(const Words& words) {
  auto model = vlm::load_llava(inputs::find_path(word_value(words, "model")));
  const auto scores = pretrain::evaluate_probes(model, {});
  fmt::print("{}", pretrain::probes_table(scores));
  return 0;
}

}  // namespace

int run_mini(const Words& words) {
  const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "world" || verb == "pretrain") {
    const auto flags = parse_flags(rest);
    const auto usage = "scalselect mini " + verb + " out=DIR [key=value …]";
    if (const int code = answer_questions(flags, request_for(flags, "mini_" + verb), usage); code >= 0) return code;
  }
  if (verb == "world") return write_world(rest);
  if (verb == "sheet") return write_sheet(rest);
  if (verb == "pretrain") return pretrain_model(rest);
  if (verb == "probes") return probe_model(rest);
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("`mini` does not know '{}'.{}", verb, did_you_mean(verb, {"world", "sheet", "pretrain", "probes"})),
      std::string("Usage: ") + kMiniUsage);
}

}  // namespace scalselect::app
