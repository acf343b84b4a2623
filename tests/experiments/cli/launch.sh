#!/usr/bin/env bash
# `launch`: copies of a command on this machine that share its work, what ends them, and the script for Slurm.
#   launch.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source "$(dirname "$0")/begin.sh"

"$program" mini world out=world pool.world.pool_size=2100 pool.world.questions_per_skill=11 pool.world.pope_images=2 > log.txt 2>&1 || { cat log.txt; exit 1; }
pool=(model=mini pool=file pool.path=world/pool.json pool.image_root=world/images)

echo "== three copies extract what one does"
"$program" extract "${pool[@]}" cache=alone out=alone.npz > alone.out 2> log.txt || { cat log.txt; fails "extract"; }
"$program" launch processes=3 -- extract "${pool[@]}" cache=shared threads=1 out=shared.npz > shared.out 2> log.txt || { cat log.txt; fails "launch"; }
cmp alone.npz shared.npz || fails "another .npz"
diff <(sed s/alone/shared/ alone.out) shared.out || fails "another output"
! grep -q "nothing is left to begin" log.txt || fails "what the other copies log is shown: $(cat log.txt)"

echo "== the exit code is the first copy's, and errors of the others are shown with their number"
got=0
"$program" launch processes=2 -- extract "${pool[@]}" no_such_key=1 out=x.npz 2> log.txt || got=$?
[ "$got" = 2 ] || fails "exit $got instead of 2: $(cat log.txt)"
says log.txt "process 1: Could not override 'no_such_key'"

echo "== a parent that ignores the ends of its children does not matter"
got=0
timeout 60 python3 -c 'import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])' \
  "$program" launch processes=2 -- extract "${pool[@]}" no_such_key=1 out=x.npz 2> log.txt || got=$?
[ "$got" = 2 ] || fails "exit $got instead of 2: $(cat log.txt)"

echo "== a signal ends all of them, once, and the same command goes on"
"$program" launch processes=2 -- extract "${pool[@]}" cache=stopped threads=1 out=stopped.npz > /dev/null 2> log.txt & launched=$!
until compgen -G "stopped/features/*/*.partial/parts/*/shard-*" > /dev/null; do
  kill -0 "$launched" 2> /dev/null || fails "it ended: $(cat log.txt)"
  sleep 0.01
done
kill -TERM "$launched"
got=0; wait "$launched" || got=$?
[ "$got" = 130 ] || fails "exit $got instead of 130: $(cat log.txt)"
says log.txt "the same command continues"
pgrep -f "stopped.npz" > /dev/null && fails "a copy lives on"
"$program" launch processes=2 -- extract "${pool[@]}" cache=stopped threads=1 out=stopped.npz > /dev/null 2> log.txt || { cat log.txt; fails "going on"; }
cmp alone.npz stopped.npz || fails "another .npz after a signal"

echo "== the script for Slurm"
"$program" launch by=slurm processes=16 cpus=4 gpus=1 time=24:00:00 after=12 name='two words' sbatch='--qos=long --exclude=n7' setup='module load cuda' out=job.sbatch -- \
  -m method=full,scalselect pool.path="a pool.json" device=cuda > log.txt
says log.txt "submit it with"
bash -n job.sbatch || fails "no shell script: $(cat job.sbatch)"
for line in "#SBATCH --ntasks=16" "#SBATCH --gpus-per-task=1" "#SBATCH --dependency=afterany:12" "#SBATCH --qos=long --exclude=n7" '#SBATCH --job-name="two words"' "srun --kill-on-bad-exit=0 --cpus-per-task=4" "module load cuda" \
  "-m method=full,scalselect" "'pool.path=a pool.json' device=cuda"; do says job.sbatch "$line"; done
"$program" launch by=slurm processes=4 array=true out=array.sbatch -- extract "${pool[@]}" cache=array threads=1 out=array.npz > log.txt
says array.sbatch "#SBATCH --array=0-3"
for task in 3 0; do SLURM_ARRAY_TASK_ID=$task bash array.sbatch > log.txt 2>&1 || { cat log.txt; fails "task $task of the array"; }; done
cmp alone.npz array.npz || fails "another .npz by tasks of an array"

echo "== what a user sees when something is wrong"
wrong() { local text=$1 code=0; shift; "$program" launch "$@" > log.txt 2>&1 || code=$?; [ "$code" = 2 ] || fails "exit $code: $(cat log.txt)"; says log.txt "$text"; }
wrong "comes after '--'" processes=2 extract
wrong "No command follows '--'" processes=2 --
wrong "Processes of \`score\` do not share its work" processes=2 -- score features=x.npz out=y
wrong "There is no command 'extrct'. Did you mean 'extract'?" processes=2 -- extrct
wrong "'processes' is 0" processes=0 -- extract
wrong "'gpus' is for by=slurm" processes=2 gpus=1 -- extract
wrong "Processes of \`eval rescore\` do not share its work" processes=2 -- eval rescore RUN
wrong "With --dry-run nothing is run" processes=2 -- eval model=mini --dry-run
wrong "'submit'" by=slurm processes=2 submit=yes -- extract
wrong "a line break or a quotation mark" by=slurm processes=2 name='a"b' -- extract
wrong "by is local or slurm, not 'pbs'" by=pbs processes=2 -- extract
SCALSELECT_RANK=0 wrong "one of several already, by SCALSELECT_RANK" processes=2 -- extract
if ! command -v sbatch > /dev/null; then
  got=0; "$program" launch by=slurm processes=2 submit=true -- extract "${pool[@]}" out=x.npz > log.txt 2>&1 || got=$?
  [ "$got" != 0 ] || fails "submitted without sbatch"
  says log.txt "The script is written"
fi
echo "all fine"
