// The commands that need a model, in the program without LibTorch: it becomes `scalselect-model`, which has them all.
// The process stays the same one, with its streams, limits and children.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "core/error.h"
#include "experiments/app/commands.h"
#include "experiments/app/eval_command.h"
#include "experiments/app/plain_words.h"
#include "experiments/app/pool_command.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/resources.h"

namespace scalselect::app {
namespace {
namespace fs = std::filesystem;

/// In a build folder it lies beside this program, in an installation in lib/scalselect.
fs::path model_program() {
  const auto beside = program_folder() / "scalselect-model";
  return fs::exists(beside) ? beside : program_folder().parent_path() / "lib" / "scalselect" / "scalselect-model";
}

[[noreturn]] void hand_over(const char* command, const Words& words) {
  const std::string program = model_program().string();
  std::vector<const char*> arguments = {"scalselect", command};
  for (const auto& word : words) arguments.push_back(word.c_str());
  arguments.push_back(nullptr);
  ::execv(program.c_str(), const_cast<char* const*>(arguments.data()));
  throw UserError(ErrorKind::kEnvironment,
                  fmt::format("The part of the program that runs models, '{}', cannot be started: {}.", program,
                              std::strerror(errno)),
                  "Install scalselect again.");
}

int answer_or_hand_over(const char* command, const char* config_name, const Usage& usage, const Words& words) {
  const Flags flags = parse_flags(words);
  if (const int code = answer_questions(flags, request_for(flags, config_name), usage); code >= 0) return code;
  hand_over(command, words);
}

}  // namespace

int run_pipeline(const Words& words) { return answer_or_hand_over("run", "config", kRunUsage, words); }
int run_plan(const Words& words) { return answer_or_hand_over("plan", "config", kPlanUsage, words); }
int run_extract(const Words& words) { return answer_or_hand_over("extract", "extract", kExtractUsage, words); }
int describe_with_model(const Words& words, const PlainWords& /*asked*/) { hand_over("pool", words); }
void enter_model_program(const char* command, const Words& words) { hand_over(command, words); }
int help_with_model(Bound) {
  SCALSELECT_CHECK(!"the other program does it");
  return 1;
}
Chosen choose_with_model(Bound) {
  SCALSELECT_CHECK(!"the other program does it");
  return {};
}
int run_generate(const Words& words) { hand_over("generate", words); }
int run_model(const Words& words) { hand_over("model", words); }
int eval_answer(const Words& words) { return answer_or_hand_over("eval", "eval", kEvalAnswerUsage, words); }
int run_handover(const Words& words) { hand_over("handover", words); }
int run_mini(const Words& words) { hand_over("mini", words); }
int run_doctor(const Words& words) { return answer_or_hand_over("doctor", "config", kDoctorUsage, words); }
int run_bench(const Words& words) {
  parse_plain("bench", words, 0);
  hand_over("bench", words);
}
int run_worker(const Words& words) { hand_over("_work", words); }

}  // namespace scalselect::app
