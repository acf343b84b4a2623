#!/usr/bin/env bash
# The whole path with the real program on a tiny mini world: what a user does. What they see when something is wrong is in
# bad_input.sh, what a kill leaves in kill_resume.sh.
#   pipeline.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }
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

echo "== each step alone"
world=$(dirname "$(find cache/world -name pool.json)")
model=$source/data/mini/model
alone=(model.path="$model" pool.path="$world/pool.json" pool.image_root="$world/images" cache=cache)
"$program" extract "${alone[@]}" out=all.npz > out.txt
"$program" score features=all.npz out=scores.jsonl > out.txt
"$program" select scores=scores.jsonl pool.path="$world/pool.json" pool.image_root="$world/images" budget=0.2 out=by_scores.json > out.txt
"$program" select "${alone[@]}" budget='[0.2,10]' out=direct.json ranking=ranking.jsonl > out.txt
cmp by_scores.json direct.0.2.json || fails "select by scores and select by model differ"
[ -s direct.10.json ] && [ -s ranking.jsonl ] || fails "second budget or ranking"

echo "== a target pool steers the methods that choose by one"
"$program" select "${alone[@]}" method=rds_plus budget=10 out=free.json > out.txt
"$program" select "${alone[@]}" method=rds_plus budget=10 target.path=direct.10.json target.image_root="$world/images" out=near.json > out.txt
cmp -s free.json near.json && fails "the target changed nothing"
echo "== gradients: a warm-up, then the pool and a target after each of its epochs; killed and resumed, the same subset"
less=(select "${alone[@]}" target.path="$world/pool.json" target.image_root="$world/images" budget=20 method=less
      method.gradients.warm_up.share=0.2 method.gradients.warm_up.epochs=2 method.sketch.dim=256)
"$program" "${less[@]}" out=less.json > out.txt 2> log.txt || { cat log.txt; fails "less"; }
[ "$(find cache/warm_up -name moments.safetensors | wc -l)" = 2 ] || fails "not one warm-up of two epochs"
[ "$(grep -c 'one pass over' log.txt)" = 4 ] || fails "not two passes over pool and target: $(grep pass log.txt)"
"$program" "${less[@]}" out=cached.json > out.txt 2> log.txt
! grep -q 'one pass over' log.txt || fails "gradients were computed again"
rm -rf cache/warm_up cache/features
setsid "$program" "${less[@]}" out=resumed.json > /dev/null 2>&1 & group=$!
sleep 5; kill -9 -- "-$group" 2>/dev/null || true; wait "$group" 2>/dev/null || true
"$program" "${less[@]}" out=resumed.json > out.txt 2> log.txt || { cat log.txt; fails "less, resumed"; }
cmp less.json cached.json && cmp less.json resumed.json || fails "another subset after a kill"
echo "== the authors' features give the authors' scores"
"$program" score features="$source/tests/experiments/cli/golden/all_representations.npz" out=theirs.jsonl > out.txt
python3 - "$source/tests/experiments/cli/golden/importance_scores.jsonl" theirs.jsonl <<'PY' || fails "other scores than the authors'"
import json, sys
authors, ours = ([json.loads(line) for line in open(name)] for name in sys.argv[1:])
assert [item["sample_id"] for item in authors] == [item["sample_id"] for item in ours], "another order"
worst = max(abs(a["importance"] - b["importance"]) / a["importance"] for a, b in zip(authors, ours))
assert worst < 1e-5, worst  # theirs is a float32 SVD
PY
echo "== vectors alone are enough for methods that only compare"
"$program" select features=all.npz pool.path="$world/pool.json" pool.image_root="$world/images" budget=0.2 out=by_vectors.json > out.txt
cmp by_vectors.json direct.0.2.json || fails "scalselect on the feature file and by model differ"
"$program" select features=all.npz method=facility_location method.metric=rbf budget=0.2 out=rows.txt > out.txt
[ "$(sort -un rows.txt | wc -l)" = 48 ] || fails "not 48 rows"
"$program" select features=all.npz method=d2_pruning budget=0.2 out=rows.txt > out.txt 2>&1 && fails "d2_pruning ran without losses"
grep -q "Method 'd2_pruning' needs" out.txt || fails "d2_pruning: $(cat out.txt)"


echo "== every method keeps to the budget; all of them from one pass over pool and target, but for gradients"
"$program" experiment=mini/methods method=all seed=1 budget=0.2 "${tiny[@]}" name=methods stop_after=selection > out.txt 2> log.txt || { cat log.txt; fails "method=all"; }
for method in $("$program" methods | cut -d' ' -f1) $(basename -s .yaml "$source"/experiments/conf/method/*.yaml); do
  grep -q ": $method budget=" log.txt || [ "$method" = coincide ] || [ "$method" = ids ] || fails "experiment=mini/methods leaves out '$method'"
done
[ "$(grep 'one pass over' log.txt | grep -vc gradient)" -le 2 ] || fails "more than one pass: $(grep 'one pass' log.txt)"
find cache/selection -name rows.txt -newer table.txt -exec sh -c 'sort -u "$1" | wc -l' _ {} \; | sort -u > sizes.txt
grep -qvxE '48|240|10|20' sizes.txt && fails "other budgets than asked for: $(cat sizes.txt)"

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

echo "== what comes from the environment is not written down"
# shellcheck disable=SC2016  # the program reads it, not the shell
PLACE=s3cret-place "$program" "${tiny[@]}" method=random budget=0.2 stop_after=selection store=env.sqlite 'report=${oc.env:PLACE}' > out.txt 2> log.txt
grep -aqF 'report":"${oc.env:PLACE}' env.sqlite || fails "the record has no report"
! grep -aqF s3cret-place env.sqlite || fails "the record holds a value of the environment"
echo "all fine"
