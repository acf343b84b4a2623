#!/usr/bin/env bash
# kill -9 at random moments of extraction, scoring, training and evaluation: what is resumed must equal what was never
# interrupted, bit for bit.
#   kill_resume.sh SCALSELECT [MOMENTS] [SEED]     SCALSELECT: the program; MOMENTS: default 4; SEED of the moments
#
# A stage's moment is a random share of the time that the stage took without interruption. Four moments, one per stage,
# fall into one job, which is then finished and compared file by file: features, scores, selection, adapter, answers,
# and the metrics with all their digits.
set -euo pipefail
program=$(realpath "$1") moments=${2:-4}
RANDOM=${3:-1}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }

# shellcheck disable=SC2054  # the comma is the sweep's
job=(-m method=full,scalselect budget=0.5 pool.world.pool_size=400 pool.world.questions_per_skill=22 pool.world.pope_images=4
     trainer.epochs=1 trainer.checkpoint_every=2 store=store.sqlite cache=cache report=report threads=2 name=killed)
stages=(features scores adapter predictions)
declare -A name=([features]=extraction [scores]=scoring [adapter]=training [predictions]=evaluation)

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
begun() { compgen -G "cache/$1/*/*" > /dev/null; }  # a lock, a partial or a finished folder
unfinished() { compgen -G "cache/$1/*/*.partial" > /dev/null; }
# Everything that must be the same; what was measured (seconds, memory: in meta.json beside sizes, costs.md, metrics) is not.
# Of a manifest all but the time and the command, which are the attempt's.
digests() {
  find cache/{features,scores,selection,adapter,predictions} report/table.* -type f ! -name '*.lock' ! -name meta.json ! -name '*.manifest.json' -print0 |
    sort -z | xargs -0 sha256sum
  find cache/selection -name '*.manifest.json' | sort | while read -r file; do grep -vE '^ "(created|command)":' "$file" | sha256sum; done
}
metrics() {  # of all runs, whichever came first
  for id in $("$program" runs store=store.sqlite | awk '$2 == "finished" {print $1}'); do
    "$program" show "$id" store=store.sqlite | sed -n '/^metrics/,$p' | grep -vE 'select/(wall_s|cpu_s|added_bytes)' | paste -sd'|'
  done | sort | tr '|' '\n'
}
forget() { rm -rf cache/{features,scores,selection,adapter,predictions} report store.sqlite*; }

"$program" "${job[@]}" stop_after=features method=full > log.txt 2>&1 || { cat log.txt; fails "rendering"; }  # the world is not what is tested
forget

echo "== without interruption"
start=$(now_ms)
"$program" "${job[@]}" > whole.txt 2> log.txt & pid=$!
declare -A seen=()
while kill -0 "$pid" 2>/dev/null; do
  for stage in "${stages[@]}"; do [ -n "${seen[$stage]:-}" ] || ! begun "$stage" || seen[$stage]=$(now_ms); done
  sleep 0.005
done
wait "$pid" || { cat log.txt; fails "the job itself"; }
end=$(now_ms)
digests > whole.sha256
metrics > whole.metrics
declare -A takes=([features]=$((seen[scores] - seen[features])) [scores]=$((seen[adapter] - seen[scores]))
                  [adapter]=$((seen[predictions] - seen[adapter])) [predictions]=$((end - seen[predictions])))
echo "start $((seen[features] - start)) ms, extraction ${takes[features]}, scoring ${takes[scores]}, training ${takes[adapter]}, evaluation ${takes[predictions]}"

finish_and_compare() {
  "$program" "${job[@]}" > again.txt 2> log.txt || { cat log.txt; fails "resuming"; }
  digests > again.sha256
  diff whole.sha256 again.sha256 || fails "killed and resumed differ from uninterrupted"
  metrics > again.metrics
  diff whole.metrics again.metrics || fails "other metrics"
  diff whole.txt again.txt || fails "another table"
  echo "   resumed: $(wc -l < again.sha256) files and $(wc -l < again.metrics) metrics are the same"
}

declare -A inside=()
for ((moment = 0; moment < moments; ++moment)); do
  stage=${stages[$((moment % 4))]}
  [ "$stage" != features ] || forget
  delay=$((takes[$stage] * (RANDOM % 1000) / 1000))
  "$program" "${job[@]}" > /dev/null 2> log.txt & pid=$!
  # Only this attempt's work counts: wait until the stage is at work, or was found done.
  until begun "$stage" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.002; done
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  left="past it"
  kill -9 "$pid" 2>/dev/null || left="after its end"  # a quicker run than the one that was measured
  wait "$pid" 2>/dev/null || true
  if unfinished "$stage"; then left="in the middle"; inside[$stage]=1; fi
  echo "== moment $((moment + 1)): ${name[$stage]}, $delay ms after it began; killed $left"
  [ "$stage" != predictions ] && [ $((moment + 1)) -lt "$moments" ] || finish_and_compare
done
for stage in features adapter predictions; do
  [ "$moments" -lt 4 ] || [ -n "${inside[$stage]:-}" ] || echo "no kill fell inside ${name[$stage]} this time"
done
[ "${#inside[@]}" -gt 0 ] || [ "$moments" -lt 4 ] || fails "no kill fell inside any stage"
echo "all the same"
