#!/usr/bin/env bash
# One pool in every container gives the same selection: JSON, JSON lines, .gz, .zst, tar shards, several files.
#   pools.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*" >&2; exit 1; }

"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=1 > log.txt 2>&1 || { cat log.txt; exit 1; }
# 40 rows: two are rejected when the pool is read, five have no picture, one has two.
python3 - << 'E'
import gzip, io, json, os, tarfile
rows = json.load(open("world/pool.json"))[:40]
rows[7]["conversations"] = "nothing"
rows[8]["conversations"] = []
for row in range(20, 25):
    rows[row].pop("image")
    for turn in rows[row]["conversations"]: turn["value"] = turn["value"].replace("<image>", "").strip()
rows[30]["image"] = [rows[30]["image"], rows[31]["image"]]
rows[30]["conversations"][0]["value"] = "<image>" + rows[30]["conversations"][0]["value"]
lines = [json.dumps(row) + "\n" for row in rows]
json.dump(rows, open("pool.json", "w"), indent=1)
open("pool.jsonl", "w").writelines(lines)
gzip.open("pool.jsonl.gz", "wt").writelines(lines)
for name in ("parts", "shards"): os.mkdir(name)
for part in range(3):
    some = range(14 * part, min(14 * part + 14, len(rows)))
    open(f"parts/part-{part}.jsonl", "w").writelines(lines[i] for i in some)
    with tarfile.open(f"shards/{part:05}.tar", "w") as tar:
        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for i in some:
            add(f"{i:04}.json", json.dumps(rows[i]).encode())
            pictures = rows[i].get("image", [])
            pictures = [pictures] if isinstance(pictures, str) else pictures
            for p, picture in enumerate(pictures):
                add(f"{i:04}.{p}.png", open("world/images/" + picture, "rb").read())
for name in ("._part-0.jsonl", ".DS_Store"): open("parts/" + name, "w").write("litter")
with open("scores.jsonl", "w") as scores:
    for i in range(len(rows)): scores.write(json.dumps({"sample_id": i, "importance": (i * 7919 % 41) / 41}) + "\n")
E
images=pool.image_root=world/images
choose() { "$program" select cache=cache budget=12 "$@" 2> err.txt > out.txt || fail "$*: $(cat err.txt)"; }

choose scores=scores.jsonl pool.path=pool.json "$images" format=ids out=ids.txt
[ "$(wc -l < ids.txt)" = 12 ] || fail "$(cat ids.txt)"
"$program" select scores=scores.jsonl pool.path=pool.json "$images" budget=38 out=pool38.jsonl.zst > log.txt 2>&1 || fail "$(cat log.txt)"
python3 -c 'import sys; sys.exit(open("pool38.jsonl.zst", "rb").read(4) != b"\x28\xb5\x2f\xfd")' || fail "out=….zst is not Zstandard"
choose scores=scores.jsonl pool.path=pool.json "$images" out=best.json
model=(model.path="$source/data/mini/model" method=scalselect)
choose "${model[@]}" pool.path=pool.json "$images" format=ids out=model.txt
for pool in pool.jsonl pool.jsonl.gz parts 'parts/*.jsonl' 'parts/part-{0..2}.jsonl' shards 'shards/{00000..00002}.tar' \
  '[parts/part-0.jsonl,parts/part-1.jsonl,shards/00002.tar]' '[{path: parts/part-0.jsonl},{path: shards/00001.tar, name: x},{path: parts/part-2.jsonl}]'; do
  case $pool in \[*) path="pool.path=$pool" ;; *) path="pool.path='$pool'" ;; esac
  choose scores=scores.jsonl "$path" "$images" format=ids out=other.txt
  cmp -s ids.txt other.txt || fail "$pool chose other rows: $(diff ids.txt other.txt)"
  choose "${model[@]}" "$path" "$images" format=ids out=other.txt
  cmp -s model.txt other.txt || fail "$pool chose other rows from the model: $(diff model.txt other.txt)"
  grep -q '2 rows left out\|1 row left out' err.txt || fail "$pool: nothing is said of rejected rows: $(cat err.txt)"
done
# A subset in each format is the same pool again.
for out in 'best.jsonl' 'best.jsonl.gz' 'best.tar' 'best.txt format=llava' 'best2 format=webdataset'; do
  choose scores=scores.jsonl pool.path=shards out=$out 2> /dev/null || fail "$out"
  file=${out%% *}
  python3 - "$file" > /dev/null << 'E' || fail "$out holds other rows"
import gzip, json, sys, tarfile
name = sys.argv[1]
best = [row["id"] for row in json.load(open("best.json"))]
if tarfile.is_tarfile(name):
    tar = tarfile.open(name)
    ids = [json.load(tar.extractfile(member))["id"] for member in tar if member.name.endswith(".json")]
else:
    text = (gzip.open(name, "rt") if name.endswith(".gz") else open(name)).read()
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    ids = [row["id"] for row in rows]
    for row in rows:
        for picture in [row["image"]] if isinstance(row.get("image"), str) else row.get("image", []): open(picture, "rb").read(1)
sys.exit(ids != best)
E
done
# A cut shard is refused with what could be read.
head -c 20000 shards/00001.tar > shards/00001.cut && mv shards/00001.cut shards/00001.tar
"$program" select scores=scores.jsonl pool.path=shards cache=cache budget=12 out=z.json > out.txt 2> err.txt && fail "a cut shard was read"
grep -q "shards/00001.tar' is cut in the middle of .* could be read" err.txt || fail "$(cat err.txt)"
echo "pools: the same selection from every container"
