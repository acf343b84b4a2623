#include "core/process_group.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace scalselect {
namespace {

/// The variables of one way to start processes; null: it has none.
struct Starter {
  const char *rank, *size, *local_rank, *local_size;
  const char* also = nullptr;  ///< must be set, too
};

/// Our own come first, so that a user can overrule the others.
constexpr Starter kStarters[] = {
    {"SCALSELECT_RANK", "SCALSELECT_PROCESSES", "SCALSELECT_LOCAL_RANK", "SCALSELECT_LOCAL_PROCESSES"},
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "WORLD_SIZE"},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", nullptr, "SLURM_STEP_NUM_TASKS"},
};

std::optional<int> number(const char* variable) {
  const char* text = variable == nullptr ? nullptr : std::getenv(variable);
  if (text == nullptr || *text == '\0') return {};
  const std::string_view view(text);
  int value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error == std::errc() && end == view.data() + view.size() && value >= 0) return value;
  throw UserError(ErrorKind::kUsage, fmt::format("{} is '{}', which is not a number of a process.", variable, view),
                  "Unset it, or set it as torchrun, srun or mpirun do.");
}

}  // namespace

ProcessGroup process_group() {
  for (const auto& starter : kStarters) {
    if (starter.also != nullptr && !number(starter.also)) continue;
    const auto rank = number(starter.rank);
    if (!rank) continue;
    ProcessGroup group;
    group.rank = *rank;
    group.size = number(starter.size).value_or(*rank + 1);
    group.local_rank = number(starter.local_rank).value_or(0);
    group.local_size = number(starter.local_size).value_or(group.local_rank + 1);
    group.source = starter.rank;
    if (group.rank >= group.size || group.local_rank >= group.local_size) {
      throw UserError(ErrorKind::kUsage,
                      fmt::format("{} is {}, of {} processes ({} of {} on this machine).", starter.rank, group.rank,
                                  group.size, group.local_rank, group.local_size),
                      "Ranks begin at 0; unset the variables if this process is alone.");
    }
    return group;
  }
  return {};
}

}  // namespace scalselect
