#!/usr/bin/env bash
# The whole path with the real program on a tiny mini world: what a user does, and what they see when something is wrong.
#   pipeline.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$1
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }
# expect_refusal CODE TEXT command… : the command must exit with CODE and name TEXT
expect_refusal() {
  local code=$1 text=$2 got=0; shift 2
  "$@" > out.txt 2> err.txt || got=$?
  [ "$got" = "$code" ] || fails "exit $got instead of $code: $*: $(cat err.txt)"
  grep -qF -- "$text" err.txt || fails "no '$text' in: $(cat err.txt)"
}
tiny=(pool.world.pool_size=240 pool.world.questions_per_skill=11 pool.world.pope_images=2 trainer.epochs=0.5 trainer.checkpoint_every=1 store=store.sqlite cache=cache report=report parallel=2 name=tiny)

echo "== a sweep extracts once and ends in a table"
"$program" -m "${tiny[@]}" method=full,random,length,scalselect budget=0.2 > table.txt 2> log.txt || { cat log.txt; fails "sweep"; }
grep -q 'feature extractions 1,' log.txt || fails "not one extraction: $(grep extractions log.txt)"
for method in full random length scalselect chance; do grep -q "^$method " table.txt || fails "no row '$method'"; done
for file in report.html table.md table.tex table.csv table.json; do [ -s "report/$file" ] || fails "report/$file"; done

echo "== again: everything comes from the cache, the table is the same"
"$program" -m "${tiny[@]}" method=full,random,length,scalselect budget=0.2 > again.txt 2> log.txt
grep -q 'feature extractions 0, selections 0, trainings 0, evaluations 0' log.txt || fails "computed again: $(grep extractions log.txt)"
diff table.txt again.txt || fails "another table"

echo "== a run that is killed and started again gives the same bytes"
find cache/adapter cache/predictions -name 'adapter_model.safetensors' -o -name predictions.jsonl | sort | xargs sha256sum > whole.txt
rm -rf cache/adapter cache/predictions
for pause in 2 4 6; do
  setsid "$program" -m "${tiny[@]}" method=full,random,length,scalselect budget=0.2 > /dev/null 2>&1 & group=$!
  sleep "$pause"; kill -9 -- "-$group" 2>/dev/null || true; wait "$group" 2>/dev/null || true
done
"$program" -m "${tiny[@]}" method=full,random,length,scalselect budget=0.2 > again.txt 2> log.txt || { cat log.txt; fails "resume"; }
sha256sum --check --quiet whole.txt || fails "killed and resumed differ from uninterrupted"
diff table.txt again.txt || fails "another table after kills"

echo "== the steps stand alone"
world=$(dirname "$(find cache/world -name pool.json)")
model=$source/data/mini/model
alone=(model.path="$model" pool.path="$world/pool.json" pool.image_root="$world/images" cache=cache)
"$program" extract "${alone[@]}" out=all.npz > out.txt
"$program" score features=all.npz out=scores.jsonl > out.txt
"$program" select scores=scores.jsonl pool.path="$world/pool.json" pool.image_root="$world/images" budget=0.2 out=by_scores.json > out.txt
"$program" select "${alone[@]}" budget='[0.2,10]' out=direct.json ranking=ranking.jsonl > out.txt
cmp by_scores.json direct.0.2.json || fails "select by scores and select by model differ"
[ -s direct.10.json ] && [ -s ranking.jsonl ] || fails "second budget or ranking"

echo "== vectors alone are enough for methods that only compare"
"$program" select features=all.npz pool.path="$world/pool.json" pool.image_root="$world/images" budget=0.2 out=by_vectors.json > out.txt
cmp by_vectors.json direct.0.2.json || fails "scalselect on the feature file and by model differ"
"$program" select features=all.npz method=facility_location method.metric=rbf budget=0.2 out=rows.txt > out.txt
[ "$(sort -un rows.txt | wc -l)" = 48 ] || fails "not 48 rows"
expect_refusal 2 "Method 'd2_pruning' needs" "$program" select features=all.npz method=d2_pruning budget=0.2 out=rows.txt

echo "== what a user sees when something is wrong"
expect_refusal 2 "budgett" "$program" "${tiny[@]}" budgett=0.1
expect_refusal 2 "method.thta" "$program" "${tiny[@]}" +method.thta=0.1
expect_refusal 2 "'trainer.epochs' is \"abc\"" "$program" "${tiny[@]}" trainer.epochs=abc
for budget in 0 1.5 abc; do expect_refusal 2 "budget" "$program" "${tiny[@]}" budget="$budget"; done
expect_refusal 2 "There is no command 'selct'. Did you mean" "$program" selct
expect_refusal 1 "no_such_model" "$program" extract model.path=no_such_model pool.path="$world/pool.json" out=x.npz cache=cache
head -c 3000 "$world/pool.json" > cut.json
expect_refusal 1 "cut.json" "$program" extract model.path="$model" pool.path=cut.json out=x.npz cache=cache
cp -r "$model" broken; truncate -s 100000 broken/model.safetensors
expect_refusal 1 "broken/model.safetensors" "$program" extract model.path=broken pool.path="$world/pool.json" pool.image_root="$world/images" out=x.npz cache=cache
[ "$(id -u)" = 0 ] || { mkdir locked; chmod 500 locked; expect_refusal 1 "locked" "$program" "${tiny[@]}" store=locked/x.sqlite; }

echo "== the store answers"
says() { # says TEXT command…
  local text=$1; shift
  "$@" > out.txt 2> err.txt || fails "$*: $(cat err.txt)"
  grep -qF -- "$text" out.txt || fails "no '$text' from: $*"
}
says finished "$program" runs store=store.sqlite
id=$(awk '$2 == "finished" {print $1; exit}' out.txt)
says eval/mini-mmbench "$program" show "$id" store=store.sqlite
says predictions "$program" cache ls cache=cache
echo "all fine"
