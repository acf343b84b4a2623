// eval answer: a model folder's answers to benchmarks, scored and kept in the store.
#include "core/error.h"
#include "experiments/app/eval_command.h"

namespace scalselect::app {

int eval_answer(const Words& /*words*/) { throw UserError(ErrorKind::kUsage, "`eval` is not finished.", kEvalUsage); }

}  // namespace scalselect::app
