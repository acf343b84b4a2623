// launch: a command as several processes, on this machine or by Slurm.
#pragma once

#include "experiments/app/commands.h"

namespace scalselect::app {

inline constexpr char kLaunchUsage[] =
    "scalselect launch processes=N -- COMMAND…   (on this machine)\n"
    "       scalselect launch by=slurm processes=N [gpus=1] [cpus=N] [memory=8G] [time=24:00:00] [partition=NAME] "
    "[account=NAME]\n"
    "           [array=true] [after=JOB] [name=NAME] [setup='module load …'] [sbatch='--qos=…'] [out=job.sbatch] "
    "[submit=true] -- COMMAND…\n\n"
    "COMMAND is `run` (or key=value …, -m), extract, select or eval, whose processes share the work through the cache; "
    "array=true: each starts as soon as there is room.";

int run_launch(const Words& words);

}  // namespace scalselect::app
