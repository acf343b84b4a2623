#!/usr/bin/env bash
# A selection that can be trusted and used elsewhere: the manifest beside it, verify, replay, diff and overlap, and method=ids
# by every door, on a pool with repeated ids, rejected rows, rows without a picture and a missing picture.
#   selections.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
model=$source/data/mini/model
fail() { echo "FAILED: $*" >&2; exit 1; }
# ok NAME COMMAND…: it succeeds; its output is in out.txt, its messages in err.txt
ok() { local name=$1; shift; "$program" "$@" > out.txt 2> err.txt || fail "$name: $(cat out.txt err.txt)"; }
# not_ok NAME COMMAND…: it does not
not_ok() { local name=$1; shift; ! "$program" "$@" > out.txt 2> err.txt || fail "$name: $(cat out.txt)"; }
# refused NAME TEXT COMMAND…: nor does this, and says TEXT
refused() { local name=$1 text=$2; shift 2; not_ok "$name was not refused" "$@"; grep -qF -- "$text" err.txt || fail "$name: $(cat err.txt)"; }
# says TEXT…: a line of the output is TEXT or begins with it
says() { local text; for text in "$@"; do grep -q -- "^$text" out.txt || fail "no '$text' in: $(cat out.txt)"; done; }

"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=1 > log.txt 2>&1 || { cat log.txt; exit 1; }
python3 "$source/tests/experiments/cli/fifty.py"
python3 - << 'E'
import json
rows = json.load(open("world/fifty.json"))
rows[10]["conversations"][0]["value"] += " Or not?"
json.dump(rows, open("world/other.json", "w"), indent=1)
open("picture.txt", "w").write(rows[0]["image"])
E
pool=(pool.path=world/fifty.json pool.image_root=world/images cache=cache)
picture=world/images/$(cat picture.txt)

echo "== a manifest beside every subset, from every door"
ok "from the pool alone" select method=random "${pool[@]}" budget=20 out=random.json
ok "from the model" select model.path="$model" "${pool[@]}" budget=0.4 out=ours.json ranking=ranking.jsonl
cp ours.manifest.json first.json
ok "again" select model.path="$model" "${pool[@]}" budget=0.4 out=ours.json ranking=ranking.jsonl
diff <(grep -v '"created"' first.json) <(grep -v '"created"' ours.manifest.json) || fail "the manifest of the same selection differs"
ok "extract" extract model.path="$model" "${pool[@]}" out=features.npz
ok "score" score features=features.npz out=scores.jsonl
ok "extract in half precision" extract model.path="$model" "${pool[@]}" model.feature_dtype=float16 out=half.npz
python3 - << 'E' || fail "the table in half precision"
import zipfile
header = lambda file: zipfile.ZipFile(file).read("representations.npy")[:60]
assert b"'<f2'" in header("half.npz") and b"'<f4'" in header("features.npz")
E
[ "$(grep -l '"precision": "float16"' cache/features/*/*/manifest.json | wc -l)" = 1 ] || fail "half precision has no features of its own"
mkdir shards && cp features.npz shards/0.npz && cp half.npz shards/1.npz
ok "score shards" score 'features=shards/*.npz' out=both.jsonl
cp both.jsonl pattern.jsonl
ok "score a list" score 'features=[shards/0.npz,shards/1.npz]' out=both.jsonl
cmp pattern.jsonl both.jsonl || fail "a list and a pattern of the same files differ"
[ "$(wc -l < both.jsonl)" = $((2 * $(wc -l < scores.jsonl))) ] || fail "two shards have not the scores of both"
refused "no shard" "nowhere" score 'features=nowhere/*.npz' out=both.jsonl
ok "from features" select method=k_center features=features.npz "${pool[@]}" budget=20 out=center.json
ok "from scores" select scores=scores.jsonl "${pool[@]}" budget=20 out=scored.json
ok "from shards" select method=k_center 'features=[shards/0.npz,shards/1.npz]' budget=10 out=shards.txt
says "shards.txt: 10 of $(wc -l < both.jsonl) rows of 'shards/0.npz and 1 more'"
ok "verify shards" verify shards.txt.manifest.json
refused "no feature file" "The list of feature files is empty" select method=k_center 'features=[]' budget=10 out=none.txt
ok "from a table" select method=k_center features=features.npz budget=10 out=table.txt
ok "two budgets" select method=random "${pool[@]}" budget='[5,10]' out=two.json
python3 - << 'E'
import hashlib, json
for name, door in (("random", None), ("ours", "model"), ("center", "features"), ("scored", "scores"), ("two.5", None), ("two.10", None)):
    manifest, subset = json.load(open(f"{name}.manifest.json")), json.load(open(f"{name}.json"))
    pool = json.load(open("world/fifty.json"))
    assert manifest["subset"]["sha256"] == hashlib.sha256(open(f"{name}.json", "rb").read()).hexdigest(), name
    assert [pool[row] for row in sorted(manifest["rows"])] == subset, name
    assert manifest["ids"] == [pool[row]["id"] for row in manifest["rows"]], name
    assert manifest["counts"]["rejected"] == {"'conversations' is not a list": 2} and manifest["counts"]["usable"] == 48, manifest["counts"]
    roles = [item["role"] for item in manifest["inputs"]]
    assert roles[0] == "pool" and (door is None or door in roles), (name, roles)
ours = json.load(open("ours.manifest.json"))
left = ours["counts"]["without_features"]
assert sum(left.values()) == 11 and len(left) == 2, left  # ten without a picture, one whose picture is missing
assert ours["settings"]["method"]["name"] == "scalselect" and ours["settings"]["budget"] == "0.4", ours["settings"]
E
"$program" select method=random "${pool[@]}" budget=5 out=/dev/stdout 2> err.txt | cat > piped.txt || fail "out=/dev/stdout"
[ ! -e stdout.manifest.json ] && [ ! -e /dev/stdout.manifest.json ] || fail "a manifest of a stream"

echo "== verify and replay"
for name in random ours center scored table.txt two.5; do
  ok "verify $name" verify $name.manifest.json
  ! grep -qv '^ok ' out.txt || fail "verify $name: $(cat out.txt)"
  ok "replay $name" replay $name.manifest.json
  says 'equal: the same .* in the same order'
done
cp ours.json kept.json
echo >> ours.json
not_ok "a changed subset passed" verify ours.manifest.json
says 'changed  subset' "1 of 5 are not what 'ours.manifest.json' recorded"
mv ours.json moved.json
not_ok "a missing subset passed" verify ours.manifest.json
says 'missing  subset'
ok "a subset elsewhere" verify ours.manifest.json subset=kept.json
mv kept.json ours.json
not_ok "another pool passed" verify ours.manifest.json pool=world/other.json model=nowhere
says 'changed  pool ' 'missing  model'
mv "$picture" kept.png
not_ok "a missing picture passed" verify random.manifest.json
says 'ok       pool ' 'changed  pool pictures'
mv kept.png "$picture"
sed 's/"rows": \[/"rows": [1,/; s/"ids": \[/"ids": ["x",/; s/random.json/forged.json/' random.manifest.json > forged.manifest.json
cp random.json forged.json
not_ok "forged rows passed" verify forged.manifest.json
says 'ok       subset' 'changed  rows'
not_ok "replay of forged rows" replay forged.manifest.json
says 'different: 20 rows are in both' "  1 of the manifest's 21 are not chosen again: 1"
"$program" replay ours.manifest.json pool=world/other.json > out.txt 2> err.txt || true
grep -q "pool: changed 'world/other.json'; another selection is to be expected" err.txt || fail "replay on another pool: $(cat err.txt)"
python3 - << 'E'
import json
manifest = json.load(open("random.manifest.json"))
pool = json.load(open("world/fifty.json"))
other = next(row for row in range(50) if row not in manifest["rows"] and isinstance(pool[row]["conversations"], list))
manifest["rows"][-1], manifest["ids"][-1] = other, pool[other]["id"]
json.dump(manifest, open("swapped.manifest.json", "w"))
manifest["inputs"] = []
json.dump(manifest, open("bare.manifest.json", "w"))
E
not_ok "rows of the pool that are not the subset's passed" verify swapped.manifest.json
says 'ok       subset' 'ok       pool ' 'changed  rows .*of the subset is'
not_ok "a manifest without inputs passed" verify bare.manifest.json
says 'missing  pool  *the manifest has settings for it, and no digest'
mv world/images world/elsewhere
not_ok "a missing folder of pictures passed" verify random.manifest.json
says 'missing  pool pictures'
mv world/elsewhere world/images
ok "a pool in a tar" pool convert world/fifty.json packed.tar image_root=world/images
ok "its pictures beside the subset" select method=random pool.path=packed.tar budget=4 out=beside.json
ok "verify them" verify beside.manifest.json
says 'ok       subset pictures  beside_images' 'ok       pool pictures  *\.$'
unpacked=$(ls beside_images/* | head -1)
mv "$unpacked" kept.png
not_ok "a missing unpacked picture passed" verify beside.manifest.json
says 'missing  subset pictures  beside_images (1 of '
echo other > "$unpacked"
not_ok "another unpacked picture passed" verify beside.manifest.json
says 'changed  subset pictures  beside_images$'
mv kept.png "$unpacked"
head -c 500 ours.manifest.json > cut.json
refused "a damaged manifest" "is not JSON, or was cut short" verify cut.json
refused "a subset as a manifest" "is not the manifest of a selection" replay ours.json
refused "no manifest" "needs a manifest" verify

echo "== method=ids: the same rows by every door and from every form"
python3 - << 'E'
import json
manifest = json.load(open("ours.manifest.json"))
open("rows.txt", "w").write("\n".join(map(str, manifest["rows"])))
json.dump(manifest["rows"], open("rows.json", "w"))
published = [{key: row[key] for key in ("id", "image", "conversations") if key in row} for row in json.load(open("ours.json"))]
json.dump(published, open("published.json", "w"), indent=2, ensure_ascii=False)
pool = json.load(open("world/fifty.json"))
json.dump([pool[2]["id"], pool[12]["id"], "nobody"], open("repeated.json", "w"))
json.dump([pool[12]["id"], "nobody"], open("unknown.json", "w"))
E
ids=(method=ids "${pool[@]}")
for list in ours.json ours.manifest.json rows.txt rows.json published.json; do
  ok "$list from the pool" select "${ids[@]}" method.path=$list out=listed.json
  cmp -s ours.json listed.json || fail "$list names other rows"
  says 'listed.json: 20 of 50 samples (all there is to choose, whatever the budget)'
done
run=(run method=ids pool=file model.path="$model" pool.path=world/fifty.json pool.image_root=world/images cache=fresh budget=0.1
     stop_after=selection name=lists store=s.sqlite)
for list in ours.json rows.txt; do
  ok "$list by the model" select "${ids[@]}" method.path=$list model.path="$model" budget=0.1 out=listed.json
  cmp -s ours.json listed.json || fail "$list by the model"
  ok "$list by features" select "${ids[@]}" method.path=$list features=features.npz budget=0.1 out=listed.json
  cmp -s ours.json listed.json || fail "$list by features"
  ok "$list by run" "${run[@]}" method.path=$list
done
mapfile -t manifests < <(find fresh/selection -name subset.manifest.json)
[ "${#manifests[@]}" = 2 ] || fail "manifests of runs: ${manifests[*]}"
for manifest in "${manifests[@]}"; do
  cmp -s "${manifest%.manifest.json}.json" ours.json || fail "run chose other rows: $manifest"
  ok "verify a run's" verify "$manifest" cache=fresh
  ok "replay a run's" replay "$manifest" cache=fresh
done
cp rows.txt same.txt
ok "a moved list" "${run[@]}" method.path=same.txt
grep -q 'selections 0' err.txt || fail "a moved list was computed again: $(cat err.txt)"
ok "runs" runs store=s.sqlite
grep -q 'ids ours seed=1' out.txt || fail "$(cat out.txt)"
id=$(awk '/ids ours/ {print $1}' out.txt)
ok "show" show "$id" store=s.sqlite
grep -q "rows/rejected/'conversations' is not a list  *2" out.txt || fail "no counts in the store: $(tail -20 out.txt)"
ok "the top of a ranking" select "${ids[@]}" method.path=ranking.jsonl budget=0.4 out=listed.json
cmp -s ours.json listed.json || fail "the top of the ranking"
refused "a ranking without a budget" "Missing mandatory value(s): budget" select "${ids[@]}" method.path=ranking.jsonl out=z.json
refused "no path" "method.path" select "${ids[@]}" out=z.json
refused "no such list" "nothing.json" select "${ids[@]}" method.path=nothing.json out=z.json
refused "the list as output" "would be overwritten" select "${ids[@]}" method.path=ours.json out=ours.json
refused "the manifest as output" "would be overwritten" select "${ids[@]}" method.path=ours.manifest.json out=ours.json
printf '7\n8\n9\n' > few.txt
ok "rejected rows" select "${ids[@]}" method.path=few.txt method.keyed_by=row out=few.json
grep -q "2 of the 3 rows that the list names cannot be used of 'world/fifty.json': row 7 ('conversations' is not a list)" err.txt || fail "$(cat err.txt)"
refused "a repeated id" "1 of the 3 entries of 'repeated.json' have an id that several rows" select "${ids[@]}" method.path=repeated.json out=z.json
refused "an unknown id" "1 of its 2 entries are not in 'world/fifty.json': id 'nobody'" select "${ids[@]}" method.path=unknown.json out=z.json
ok "unknown=skip" select "${ids[@]}" method.path=unknown.json method.unknown=skip out=z.json
says 'z.json: 1 of 50'

echo "== diff and overlap"
ok "diff" diff ours.manifest.json random.json format=json
cp out.txt diff.json
ok "diff for readers" diff ours.manifest.json random.manifest.json
says '[0-9]* stayed, [0-9]* entered, [0-9]* left'
ok "overlap" overlap ours.manifest.json random.json rows.txt format=json
python3 - << 'E'
import json
a, b = (set(json.load(open(f"{name}.manifest.json"))["rows"]) for name in ("ours", "random"))
diff, overlap = json.load(open("diff.json")), json.load(open("out.txt"))
assert (diff["stayed"], diff["entered"], diff["left"]) == (len(a & b), len(b - a), len(a - b)), diff
assert sum(item["entered"] for item in diff["sources"]) == len(b - a), diff
assert overlap["pool_rows"] == 48, overlap
first, second, _ = overlap["pairs"]
assert first["common"] == len(a & b) and abs(first["jaccard"] - len(a & b) / len(a | b)) < 1e-12, first
assert abs(first["expected"] - 20 * 20 / 48) < 1e-12, first
assert second["common"] == 20 and second["jaccard"] == 1 and second["z"] > 6, second
E
ok "overlap for readers" overlap ours.manifest.json random.json
says 'Jaccard index'
ok "a pool that is named" overlap ours.json random.json pool=world/fifty.json image_root=world/images
refused "no pool" "No pool is given" diff ours.json random.json
refused "one selection" "needs two" diff ours.json
refused "a manifest of another pool" "in another pool" overlap ours.manifest.json random.json pool=world/pool.json
python3 - << 'E'
import json
rows = json.load(open("world/pool.json"))
for name, part in (("one", rows[:20]), ("two", rows[20:40])):
    open(f"world/{name}.jsonl", "w").write("".join(json.dumps(row) + "\n" for row in part))
E
list="pool.path=[world/one.jsonl,world/two.jsonl]"
ok "a pool of two files" select method=random "$list" pool.image_root=world/images budget=8 out=listed.json
ok "another of it" select method=random "$list" pool.image_root=world/images budget=8 seed=2 out=listed2.json
ok "manifests name a pool of several files" diff listed.manifest.json listed2.manifest.json
ok "verify over two files" verify listed.manifest.json
ok "constraints" select method=random "${pool[@]}" exclude=random.json budget=0.5 out=rest.json
ok "replay with constraints" replay rest.manifest.json cache=cache
says "equal: the same 15 rows"
mv random.json elsewhere.json
not_ok "a list that moved" verify rest.manifest.json
says "missing  exclude"
ok "where it is now" verify rest.manifest.json exclude=elsewhere.json
ok "replay with a list elsewhere" replay rest.manifest.json exclude=elsewhere.json cache=cache
says "equal: the same 15 rows"
refused "a list that was not used" "was made without must_keep" replay rest.manifest.json must_keep=elsewhere.json
mv elsewhere.json random.json
ok "subsets of one stem" select method=random "${pool[@]}" budget=5 out=stem.jsonl
ok "subsets of one stem" select method=random "${pool[@]}" budget=6 out=stem.tar
ok "each has its manifest" verify stem.jsonl.manifest.json
ok "each has its manifest" verify stem.tar.manifest.json
refused "pictures that are no truth value" "is not true or false" pool describe world/fifty.json pictures=5

echo "== nothing that is read is overwritten, and nothing is ignored"
refused "a pool converted onto itself" "would be overwritten" pool convert world/one.jsonl world/../world/one.jsonl format=ids
refused "a check over its pool" "would be overwritten" handover check handover=llava model.path="$model" "${pool[@]}" out=world/fifty.json
refused "a subset over the model" "would be overwritten" select model.path=world "${pool[@]}" budget=5 out=world/one.jsonl
refused "a ranking over the manifest" "manifest and its ranking" select method=random "${pool[@]}" budget=5 out=r.json ranking=r.manifest.json
refused "a method beside scores" "has no say" select scores=scores.jsonl method=random "${pool[@]}" budget=5 out=r.json
refused "everything excluded" "exclude names every usable row" select method=random "${pool[@]}" exclude=world/fifty.json budget=5 out=r.json
sed 's/"rows": \[.*/"rows": [],/; s/"ids": \[.*/"ids": []/' random.manifest.json > emptied.manifest.json
not_ok "a manifest without its rows" verify emptied.manifest.json cache=cache
says "changed  rows"

echo "== rows that the user names go before caps, with a warning; numbers that are ids"
python3 - << 'E'
import json
pool = json.load(open("world/pool.json"))
picture = next(row["image"] for row in pool if sum(other["image"] == row["image"] for other in pool) > 1)
open("together.txt", "w").write("".join(f"{number}\n" for number, row in enumerate(pool) if row["image"] == picture))
numbered = [{"id": str(99 - n), "conversations": [{"from": "human", "value": f"? {n}"}, {"from": "gpt", "value": "!"}]} for n in range(100)]
json.dump(numbered, open("numbered.json", "w"))
E
ok "one picture twice" select method=random pool.path=world/pool.json pool.image_root=world/images budget=20 must_keep=together.txt one_per_picture=true out=t.json
for file in err.txt t.manifest.json; do
  grep -q "rows of must_keep have a picture that another of them has" $file || fail "no warning in $file: $(cat err.txt)"
done
printf '5\n999999\n' > far.txt
refused "a row beyond the pool" "1 of its 2 entries are not in 'world/pool.json': row 999999" select method=random pool.path=world/pool.json must_keep=far.txt budget=20 out=t.json
printf '3\n' > three.txt
echo '[{"id": "3"}]' > three.json
refused "a number that is a row and an id" '{"id": "3"} or {"row": 3}' select method=random pool.path=numbered.json must_keep=three.txt budget=1 out=n.json
ok "as that advises" select method=random pool.path=numbered.json must_keep=three.json budget=1 out=n.json
grep -q '"rows": \[96\]' n.manifest.json || fail "another row than that of id 3: $(cat n.manifest.json)"
for command in verify replay diff overlap; do ok "help" $command --help; grep -q "Usage: scalselect $command" out.txt || fail "help of $command"; done
echo "all fine"
