#!/usr/bin/env bash
# One command started as several processes: they share the extraction and the trainings, one of them is killed, and the results
# are those of a process alone, byte for byte.
#   cluster.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source "$(dirname "$0")/begin.sh"
# starts RANK SIZE LOG COMMAND…: in the background
starts() { SCALSELECT_RANK=$1 SCALSELECT_PROCESSES=$2 SCALSELECT_THREADS=1 "$program" "${@:4}" > "$3.out" 2> "$3" & }
features() { (cd "$1/features" && find . -type f ! -name '*.lock' ! -name meta.json -print0 | sort -z | xargs -0 sha256sum); }

"$program" mini world out=world pool.world.pool_size=3300 pool.world.questions_per_skill=11 pool.world.pope_images=2 > log.txt 2>&1 || { cat log.txt; exit 1; }
pool=(model=mini pool=file pool.path=world/pool.json pool.image_root=world/images)

echo "== extraction by three processes, one of which is killed at work"
"$program" extract "${pool[@]}" cache=alone out=alone.npz > alone.out 2> log.txt || { cat log.txt; fails "extract"; }
starts 1 3 rank1.log extract "${pool[@]}" cache=shared out=shared.npz; killed=$!
until compgen -G "shared/features/*/*.partial/parts/*/shard-*" > /dev/null; do  # its first rows are on disk
  kill -0 "$killed" 2> /dev/null || fails "rank 1 ended: $(cat rank1.log)"
  sleep 0.01
done
starts 0 3 rank0.log extract "${pool[@]}" cache=shared out=shared.npz; first=$!
starts 2 3 rank2.log extract "${pool[@]}" cache=shared out=shared.npz; third=$!
kill -9 "$killed" 2> /dev/null || fails "rank 1 had ended before it could be killed: $(cat rank1.log)"
wait "$third" || fails "rank 2: $(cat rank2.log)"
wait "$first" || fails "rank 0: $(cat rank0.log)"
says rank2.log "process 2 of 3: nothing is left to begin; process 0 goes on"
cmp alone.npz shared.npz || fails "another .npz"
diff <(features alone) <(features shared) || fails "other features"
[ ! -s rank2.log.out ] || fails "rank 2 wrote to standard output: $(cat rank2.log.out)"
compgen -G "shared/features/*/*.partial" > /dev/null && fails "parts were left behind"

echo "== select: only the first process writes the subset"
starts 0 2 rank0.log select "${pool[@]}" method=scalselect budget=0.1 cache=shared out=subset.json; first=$!
starts 1 2 rank1.log select "${pool[@]}" method=scalselect budget=0.1 cache=shared out=other.json; second=$!
wait "$first" || fails "rank 0: $(cat rank0.log)"
wait "$second" || fails "rank 1: $(cat rank1.log)"
[ -s subset.json ] || fails "rank 0 wrote no subset"
[ ! -e other.json ] || fails "rank 1 wrote a subset"
"$program" select "${pool[@]}" method=scalselect budget=0.1 cache=alone out=expected.json > /dev/null 2> log.txt || fails "$(cat log.txt)"
cmp subset.json expected.json || fails "another subset"

echo "== a sweep: trainings are shared out, each is done once, and the table is that of one process"
# shellcheck disable=SC2054  # the commas are the sweep's
sweep=(-m method=random,length,scalselect budget=0.05 seed=1 trainer.epochs=1 parallel=1 name=shared
       eval.root="$PWD/world/benchmarks" "eval.benchmarks=[{kind: pope, name: mini-pope, path: mini-pope}]" "${pool[@]}")
"$program" "${sweep[@]}" cache=alone store=alone.sqlite report=alone_report > alone.txt 2> log.txt || { cat log.txt; fails "sweep"; }
starts 0 2 rank0.log "${sweep[@]}" cache=shared store=shared.sqlite report=shared_report; first=$!
starts 1 2 rank1.log "${sweep[@]}" cache=shared store=shared.sqlite report=shared_report; second=$!
wait "$first" || fails "rank 0: $(cat rank0.log)"
wait "$second" || fails "rank 1: $(cat rank1.log)"
says rank1.log "process 1 of 2: everything is computed; process 0 scores and reports"
trained=$(sed -n 's/.*trainings \([0-9]*\),.*/\1/p' rank0.log rank1.log | awk '{n += $1} END {print n}')
[ "$trained" = 3 ] || fails "$trained trainings instead of 3 by both: $(cat rank0.log rank1.log)"
diff <(grep -v '^report:' alone.txt) <(grep -v '^report:' rank0.log.out) || fails "another table"
[ "$("$program" runs store=shared.sqlite | awk '$2 == "finished"' | wc -l)" = 3 ] || fails "not three runs in the store"

echo "== a training of two shards by two processes, one of which is killed in the middle: the adapter that one process makes"
training=(method=random budget=0.2 seed=1 trainer.shards=2 trainer.lora.dropout=0.1 trainer.epochs=2 trainer.checkpoint_every=5 stop_after=adapter
          name=together "${pool[@]}")
adapters() { (cd "$1/adapter" && find . -name '*.safetensors' -print0 | sort -z | xargs -0 sha256sum); }
checkpoints() { compgen -G "together/adapter/*/*.partial/training/train-state.safetensors" > /dev/null; }
"$program" "${training[@]}" cache=alone_adapter store=alone_adapter.sqlite > /dev/null 2> log.txt || { cat log.txt; fails "training alone"; }
starts 0 2 rank0.log "${training[@]}" cache=together store=together.sqlite; first=$!
starts 1 2 rank1.log "${training[@]}" cache=together store=none.sqlite; killed=$!
until checkpoints; do
  kill -0 "$killed" 2> /dev/null || fails "rank 1 ended: $(cat rank1.log)"
  sleep 0.01
done
kill -9 "$killed" 2> /dev/null || fails "rank 1 had ended before it could be killed: $(cat rank1.log)"
wait "$first" && fails "rank 0 went on alone: $(cat rank0.log)"
says rank0.log "Process 1 of the training has ended or cannot be reached"
starts 0 2 rank0.log "${training[@]}" cache=together store=together.sqlite; first=$!
starts 1 2 rank1.log "${training[@]}" cache=together store=none.sqlite; second=$!
wait "$first" || fails "rank 0: $(cat rank0.log)"
wait "$second" || fails "rank 1: $(cat rank1.log)"
grep -q "training resumes at step" together/logs/*.log || fails "the rerun began anew: $(cat together/logs/*.log)"
diff <(adapters alone_adapter) <(adapters together) || fails "another adapter"
starts 0 3 rank0.log "${training[@]}" cache=together store=together.sqlite; wait $! && fails "three processes for two shards"
says rank0.log "3 processes cannot share trainings of 2 shards"

echo "== eval: benchmarks are shared out in steps, one process is killed, and the answers are those of a process alone"
ask=(eval model=mini eval=mini eval.root=world/benchmarks)
"$program" "${ask[@]}" cache=alone store=eval.sqlite out=alone_answers > alone.txt 2> log.txt || { cat log.txt; fails "eval"; }
starts 1 3 rank1.log "${ask[@]}" cache=asked store=none.sqlite out=none; killed=$!
until compgen -G "asked/predictions/*/*.partial/predictions.jsonl.steps/*.jsonl" > /dev/null; do
  kill -0 "$killed" 2> /dev/null || fails "rank 1 ended: $(cat rank1.log)"
  sleep 0.01
done
kill -9 "$killed" 2> /dev/null || fails "rank 1 had ended before it could be killed: $(cat rank1.log)"
starts 0 3 rank0.log "${ask[@]}" cache=asked store=asked.sqlite out=asked_answers; first=$!
starts 2 3 rank2.log "${ask[@]}" cache=asked store=none.sqlite out=none; third=$!
wait "$third" || fails "rank 2: $(cat rank2.log)"
wait "$first" || fails "rank 0: $(cat rank0.log)"
says rank2.log "process 2 of 3: nothing is left to begin; process 0 goes on"
diff -r -x table.json alone_answers asked_answers || fails "other answers"
diff <(grep -v '^run ' alone.txt) <(grep -v '^run ' rank0.log.out) || fails "another table"
[ ! -e none ] && [ ! -e none.sqlite ] || fails "a process that does not lead wrote results"
compgen -G "asked/predictions/*/*.partial" > /dev/null && fails "steps were left behind"

echo "== ranks that cannot be"
SCALSELECT_RANK=2 SCALSELECT_PROCESSES=2 "$program" extract "${pool[@]}" cache=alone out=x.npz > log.txt 2>&1 && fails "a rank beyond the processes"
says log.txt "SCALSELECT_RANK is 2, of 2 processes"
echo "all the same"
