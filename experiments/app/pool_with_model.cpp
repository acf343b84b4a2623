// pool describe model=DIR: lengths in the model's tokens, and the rows that it cannot use.
#include "experiments/app/pool_command.h"
#include "experiments/inputs/pool.h"
#include "vlm/probe.h"

namespace scalselect::app {

int describe_with_model(const Words& /*words*/, const PlainWords& asked) {
  SignalRequest request;
  request.token_counts = true;
  const auto probe = vlm::open_probe(inputs::find_path(asked.value("model")), "float32", request);
  return describe_pool_of(asked, probe.get());
}

}  // namespace scalselect::app
