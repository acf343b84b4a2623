#!/usr/bin/env bash
# What worker processes say, how they die, and what an interrupt leaves behind, with the real program on a tiny mini world.
#   workers.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source "$(dirname "$0")/begin.sh"
statuses() { "$program" runs store=store.sqlite > runs.txt; awk '$3 ~ /^20/ {print $2}' runs.txt | sort | paste -sd' '; }

"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=2 > log.txt 2>&1 || { cat log.txt; exit 1; }
python3 - <<'PY'
import json
pool = json.load(open("world/pool.json"))[:40]
for row in (1, 3):
    for turn in pool[row]["conversations"]:
        if turn["from"] == "gpt":
            turn["value"] = ""
json.dump(pool, open("forty.json", "w"), indent=1)
PY
benchmark="{kind: pope, name: mini-pope, path: mini-pope}"
run=("$program" run pool=file pool.path=forty.json pool.image_root=world/images eval.root="$PWD/world/benchmarks" "eval.benchmarks=[$benchmark]"
     trainer.epochs=1 trainer.batch_size=2 trainer.checkpoint_every=1 budget=1.0 store=store.sqlite cache=cache parallel=2)
says_left_out() { grep -q "warning:.*training leaves out 2 of 40 rows; the first is row 1: no answer to learn" "$1" || fails "rows left out are not reported in: $(cat "$1")"; }

echo "== rows left out of training: on the console, in the store, and again when the training comes from the cache"
"${run[@]}" method=full name=told > out.txt 2> log.txt || { cat log.txt; fails "full"; }
says_left_out log.txt
show() { "$program" show "$("$program" runs store=store.sqlite experiment="$1" | awk 'NR == 2 {print $1}')" store=store.sqlite > show.txt; }
show told
says_left_out show.txt
says show.txt "train/rows_left_out"
"${run[@]}" method=full name=again > out.txt 2> log.txt || { cat log.txt; fails "full again"; }
says log.txt "trainings 0, evaluations 0"
show again
says_left_out show.txt

echo "== another picture under the same name in a benchmark: answered again"
picture=$(find world/benchmarks/mini-pope -name '*.png' | sort | head -1)
other=$(find world/benchmarks/mini-pope -name '*.png' | sort | tail -1)
cp "$picture" kept.png; cp "$other" "$picture"
"${run[@]}" method=full name=replaced > out.txt 2> log.txt || { cat log.txt; fails "replaced picture"; }
says log.txt "trainings 0, evaluations 1"
rm "$picture"
got=0
"${run[@]}" method=full name=missing > out.txt 2> log.txt || got=$?
[ $got = 3 ] || fails "exit $got instead of 3 for questions whose picture is missing: $(cat log.txt)"
says log.txt "$(basename "$picture")"
says log.txt "cannot be asked"
cp kept.png "$picture"

echo "== a picture that is damaged between ends that look right is found when it is asked about, and costs its questions"
cp kept.png broken.png
dd if=/dev/zero of=broken.png bs=1 seek=$(($(stat -c %s broken.png) / 2)) count=60 conv=notrunc status=none
cp broken.png "$picture"
got=0
"${run[@]}" method=full name=broken > out.txt 2> log.txt || got=$?
[ $got = 3 ] || fails "exit $got instead of 3 for questions whose picture is damaged: $(cat log.txt)"
says log.txt "1 runs are incomplete"
grep -rqF "$(basename "$picture")" --include=unusable.jsonl cache/predictions || fails "the picture is not listed"
cp kept.png "$picture"

echo "== a worker that fails says why on the console and in the store"
"${run[@]}" method=full name=diverging trainer.learning_rate=100 trainer.epochs=4 > out.txt 2> log.txt && fails "a training that diverges passes"
grep -q "^error: full .*step" log.txt || fails "the step is not named: $(cat log.txt)"
show diverging
says show.txt "$(sed -n 's/^error: full [^:]*: //p' log.txt | head -1 | cut -c1-40)"

# sweep: two long trainings in the background; returns when both are at work. Its exit status: wait "$sweep".
sweep() {
  rm -rf cache/adapter store.sqlite*
  env --default-signal=INT,HUP "${run[@]}" -m method=random budget=0.5,0.9 trainer.epochs=30 trainer.checkpoint_every=20 name=long > out.txt 2> log.txt & sweep=$!
  for _ in $(seq 600); do
    [ "$(find cache/adapter -path '*.partial/training/*' -name '*.safetensors' 2>/dev/null | wc -l)" -lt 2 ] || return 0
    kill -0 "$sweep" 2>/dev/null || { cat log.txt; fails "the sweep ended by itself"; }
    sleep 0.1
  done
  fails "no checkpoint of both within a minute: $(cat log.txt)"
}
workers() { pgrep -P "$sweep" -f _work || true; }

echo "== a worker that is killed costs its own run only"
sweep
kill -9 "$(workers | head -1)"
for _ in $(seq 300); do ! grep -q "memory ran out" log.txt || break; sleep 0.1; done
says log.txt "The worker was killed (signal 9), most often because memory ran out"
[ "$(workers | wc -l)" = 1 ] || fails "the other worker is gone"
kill -0 "$sweep" || fails "the sweep ended with one worker"

echo "== interrupted: reported, recorded, and nothing keeps running"
left=$(workers)
kill -INT "$sweep"
code=0; wait "$sweep" || code=$?
[ "$code" = 130 ] || fails "exit $code"
says log.txt "Interrupted by SIGINT: finished stages and checkpoints are kept in 'cache'; the same command continues"
[ "$(statuses)" = "failed interrupted" ] || fails "statuses: $(statuses)"
for _ in $(seq 50); do kill -0 "$left" 2>/dev/null || break; sleep 0.1; done
! kill -0 "$left" 2>/dev/null || fails "a worker keeps running alone"
for signal in TERM HUP; do
  sweep
  kill -"$signal" "$sweep"
  code=0; wait "$sweep" || code=$?
  [ "$code" = 130 ] || fails "SIG$signal: exit $code"
  [ "$(statuses)" = "interrupted interrupted" ] || fails "SIG$signal: statuses: $(statuses)"
done

echo "== the same command continues from the checkpoints"
steps=$(find cache/adapter -path '*.partial/training/*' | wc -l)
[ "$steps" -gt 0 ] || fails "no checkpoint is left"
"${run[@]}" -m method=random budget=0.5,0.9 trainer.epochs=30 trainer.checkpoint_every=20 name=long > out.txt 2> log.txt || { cat log.txt; fails "continuing"; }
[ "$(statuses)" = "finished finished" ] || fails "statuses: $(statuses)"
echo "all as it should be"
