// The processes that one command was started as, by torchrun, srun, mpirun or by hand.
#pragma once

#include <string>

namespace scalselect {

/// The place of a process among those of its command.
struct ProcessGroup {
  int rank = 0, size = 1;              ///< among all
  int local_rank = 0, local_size = 1;  ///< among those on this machine
  std::string source;                  ///< the variable that told `rank`; empty: the process is alone

  bool leads() const { return rank == 0; }
};

/// From the environment: SCALSELECT_RANK and SCALSELECT_PROCESSES; else torchrun's RANK and WORLD_SIZE; Open MPI's
/// OMPI_COMM_WORLD_RANK; PMI_RANK of MPICH and Intel MPI; SLURM_PROCID of a job step (not that of a batch script,
/// which runs once). A Slurm job array is not a group: its tasks are commands of their own. Throws UserError(kUsage)
/// for ranks that are no numbers or not below the number of processes.
ProcessGroup process_group();

}  // namespace scalselect
