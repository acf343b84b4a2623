#!/usr/bin/env bash
# The same selection from every command: on a pool with rejected rows, rows without a picture and repeated ids, the same
# budget gives the same rows from `select model.path=`, `extract | select features=`, `extract | score | select scores=`
# and `run`, for every spelling of the budget and every method that these doors serve.
#   doors.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
model=$source/data/mini/model
fail() { echo "FAILED: $*" >&2; exit 1; }

"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=1 > log.txt 2>&1 || { cat log.txt; exit 1; }
python3 "$source/tests/experiments/cli/fifty.py"
pool=(pool.path=world/fifty.json pool.image_root=world/images)
rows_of() { python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))))' "$1"; }

"$program" extract model.path="$model" "${pool[@]}" cache=cache out=features.npz 2> err.txt > out.txt || { cat err.txt; exit 1; }
grep -q '37 x .*13 samples rejected' out.txt || fail "extraction: $(cat out.txt)"
"$program" score features=features.npz out=scores.jsonl > log.txt 2>&1

# same NAME FILE FILE
same() { cmp -s "$2" "$3" || fail "$1: $2 and $3 differ"; }
vector_methods='scalselect scalselect_pivoted scalselect_residual scalselect_sampled random k_center facility_location graph_cut herding log_det cluster_balanced semdedup'
cases=0
for spelling in 0.4 40% '40 %' 4e-1 20; do
  for method in $vector_methods; do
    "$program" select method=$method model.path="$model" "${pool[@]}" cache=cache budget="'$spelling'" out=a.json > log.txt 2>&1 || fail "$method from the model: $(cat log.txt)"
    [ "$(rows_of a.json)" = 20 ] || fail "$method budget=$spelling: $(rows_of a.json) rows of 50, not 20"
    "$program" select method=$method features=features.npz "${pool[@]}" budget="'$spelling'" out=b.json > log.txt 2>&1 || fail "$method from features: $(cat log.txt)"
    same "$method budget=$spelling" a.json b.json
    cases=$((cases + 1))
    [ $method = scalselect ] || continue
    "$program" select scores=scores.jsonl "${pool[@]}" budget="'$spelling'" out=c.json > log.txt 2>&1 || fail "from scores: $(cat log.txt)"
    same "scores budget=$spelling" a.json c.json
  done
done
for method in scalselect random; do
  "$program" run method=$method pool=file model.path="$model" "${pool[@]}" cache=fresh budget=40% stop_after=selection name=doors store=s.sqlite report=report > log.txt 2>&1 || fail "run: $(cat log.txt)"
  "$program" select method=$method features=features.npz "${pool[@]}" budget=0.4 out=b.json > log.txt 2>&1
  find fresh/selection -name subset.json -exec cmp -s {} b.json \; -print | grep -q . || fail "run method=$method selected other rows"
done

# Samples without a picture, ten of the fifty: the same four ways at every door.
for policy in drop:0 keep:10 share:4; do
  for method in scalselect random; do
    "$program" select method=$method text_only=${policy%:*} model.path="$model" "${pool[@]}" cache=cache budget=0.4 out=a.json > log.txt 2>&1 || fail "$policy from the model: $(cat log.txt)"
    "$program" select method=$method text_only=${policy%:*} features=features.npz "${pool[@]}" budget=0.4 out=b.json > log.txt 2>&1 || fail "$policy from features: $(cat log.txt)"
    same "$method text_only=$policy" a.json b.json
    [ "$(rows_of a.json)" = 20 ] || fail "$policy: $(rows_of a.json) rows"
    text=$(python3 -c 'import json; print(sum("image" not in row for row in json.load(open("a.json"))))')
    [ "$text" = "${policy#*:}" ] || fail "$method text_only=$policy chose $text samples without a picture"
  done
  "$program" select method=scalselect text_only=${policy%:*} model.path="$model" "${pool[@]}" cache=cache budget=0.4 out=a.json > log.txt 2>&1
  "$program" select scores=scores.jsonl text_only=${policy%:*} "${pool[@]}" budget=0.4 out=c.json > log.txt 2>&1 || fail "$policy from scores: $(cat log.txt)"
  same "scores text_only=$policy" a.json c.json
done
"$program" select features=features.npz text_only=drop budget=0.4 out=rows.txt > out.txt 2>&1 && fail "text_only without a pool"
grep -q "'text_only=drop' needs a pool" out.txt || fail "$(cat out.txt)"

# Constraints on any method: the same rows at every door, and what they promise.
seq 0 2 18 > even.txt
printf '31\n9\n' > kept.txt
skill=$(python3 -c 'import json; print(json.load(open("world/fifty.json"))[0]["source"].split("/")[0])')
constraints=(exclude=even.txt must_keep=kept.txt one_per_picture=true "sources=[{source: $skill, floor: 2, cap: 0.3}]")
for method in scalselect random k_center; do
  "$program" select method=$method "${constraints[@]}" model.path="$model" "${pool[@]}" cache=cache budget=10 out=a.json > log.txt 2>&1 || fail "constraints from the model: $(cat log.txt)"
  "$program" select method=$method "${constraints[@]}" features=features.npz "${pool[@]}" budget=10 out=b.json > log.txt 2>&1 || fail "constraints from features: $(cat log.txt)"
  same "$method with constraints" a.json b.json
  python3 - "$skill" << 'E' || fail "$method chose against the constraints"
import hashlib, json, sys
pool, subset = json.load(open("world/fifty.json")), json.load(open("a.json"))
texts = [json.dumps(row) for row in pool]
rows = [texts.index(json.dumps(row)) for row in subset]
assert len(set(rows)) == 10 and {9, 31} <= set(rows), rows
assert not set(rows) & set(range(0, 19, 2)), rows
of_skill = sum(pool[row]["source"].split("/")[0] == sys.argv[1] for row in rows)
assert 2 <= of_skill <= 3, of_skill
pictures = [hashlib.sha256(open("world/images/" + pool[row]["image"], "rb").read()).digest() for row in rows if "image" in pool[row]]
assert len(set(pictures)) == len(pictures)
E
done
"$program" run method=random "${constraints[@]}" pool=file model.path="$model" "${pool[@]}" cache=fresh budget=10 stop_after=selection name=constraints store=s.sqlite report=report > log.txt 2>&1 || fail "run with constraints: $(cat log.txt)"
"$program" select method=random "${constraints[@]}" features=features.npz "${pool[@]}" budget=10 out=b.json > log.txt 2>&1
find fresh/selection -name subset.json -exec cmp -s {} b.json \; -print | grep -q . || fail "run with constraints selected other rows"
against() {  # against TEXT WORDS…: refused with that text
  local text=$1
  shift
  "$program" select method=random features=features.npz "${pool[@]}" budget=10 out=z.json "$@" > out.txt 2>&1 && fail "accepted: $*"
  grep -q "$text" out.txt || fail "$*: $(cat out.txt)"
}
printf '7\n' > rejected.txt
against "Row 9 is in both exclude and must_keep" must_keep=kept.txt exclude=kept.txt
against "must_keep names row 7, which cannot be used" must_keep=rejected.txt
against "is of the source 'nowhere'" 'sources=[{source: nowhere, cap: 2}]'
against "only .* usable rows come from it" "sources=[{source: $skill, floor: 40}]"

# The door is what the configuration says, however it is spelt, and null is null.
"$program" select features=features.npz "${pool[@]}" budget=20 out=a.json > log.txt 2>&1
"$program" select ++features=features.npz ++pool.path=world/fifty.json ++pool.image_root=world/images budget=20 out=b.json > log.txt 2>&1 || fail "++: $(cat log.txt)"
same "++pool.path" a.json b.json
mkdir own
printf 'defaults: [select, _self_]\nfeatures: features.npz\npool: {path: world/fifty.json, image_root: world/images}\nbudget: 20\n' > own/mine.yaml
"$program" select --config-dir own -cn mine out=b.json > log.txt 2>&1 || fail "a file: $(cat log.txt)"
same "a file that names features and pool" a.json b.json
for null in NULL null '${oc.env:NOTHING_OF_THE_KIND,null}'; do
  "$program" select features=features.npz "features=$null" scores=NULL "${pool[@]}" budget=20 out=z.json > out.txt 2>&1 && fail "features=$null ran"
  grep -q "model.path" out.txt || fail "features=$null: $(cat out.txt)"
done
"$program" select features=features.npz scores=scores.jsonl "${pool[@]}" budget=20 out=z.json > out.txt 2>&1 && fail "features and scores"
grep -q "are both given" out.txt || fail "$(cat out.txt)"
"$program" select features=features.npz "${pool[@]}" budget=20 out=n.json ranking=./n.json > out.txt 2>&1 && fail "one file for subset and ranking"
grep -q "both the subset and its ranking" out.txt || fail "$(cat out.txt)"
"$program" select features=features.npz "${pool[@]}" "budget=[20,45]" out=half.json > out.txt 2>&1 && fail "45 of 37"
[ ! -e half.20.json ] || fail "one of two budgets was written"
"$program" select features=features.npz "${pool[@]}" budget=20 out=/dev/stdout 2> /dev/null | cat > piped.txt || fail "out=/dev/stdout into a pipe"
cmp -s -n "$(stat -c %s a.json)" a.json piped.txt || fail "out=/dev/stdout into a pipe: $(head -c 200 piped.txt)"

# More than can be used: a sentence with both numbers at every door, nothing written.
refused() { rm -f z.json; ! "$@" out=z.json > out.txt 2> err.txt || fail "not refused: $*"; grep -q '45 of 50 rows, but only 37' err.txt || fail "$*: $(cat err.txt)"; [ ! -e z.json ] || fail "$*: written all the same"; }
refused "$program" select model.path="$model" "${pool[@]}" cache=cache budget=0.9
refused "$program" select features=features.npz "${pool[@]}" budget=45
refused "$program" select scores=scores.jsonl "${pool[@]}" budget=90%
# Without its pool a share is of the table's rows, and the output says so.
"$program" select features=features.npz budget=0.4 out=rows.txt > out.txt
[ "$(wc -l < rows.txt)" = 15 ] || fail "$(wc -l < rows.txt) rows of the table"
grep -q "15 of 37 rows of 'features.npz', whose pool is not known" out.txt || fail "$(cat out.txt)"
# The whole pool is what can be used of it.
"$program" select method=full model.path="$model" "${pool[@]}" cache=cache budget=0.4 out=full.json > log.txt 2>&1
[ "$(rows_of full.json)" = 48 ] || fail "full: $(rows_of full.json) rows"
"$program" select features=features.npz "${pool[@]}" "budget=[1.0,1]" out=two.json > log.txt 2>&1 && fail "1.0 of 50 rows was met with 37"
"$program" select features=features.npz "budget=[1.0,1]" out=two.txt > log.txt 2>&1
[ "$(wc -l < two.1.0.txt)" = 37 ] && [ "$(wc -l < two.1.txt)" = 1 ] || fail "two budgets, one file: $(ls two*)"
echo "doors: $cases selections, each the same from the model and from a file"
