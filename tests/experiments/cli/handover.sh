#!/usr/bin/env bash
# `select handover=` writes files that a Python reader accepts, and `handover check` says how they agree with our training.
#   handover.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*" >&2; exit 1; }
model=$source/data/mini/model
"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=1 > log.txt 2>&1 || fail "$(cat log.txt)"
# 40 rows: one without a picture, one with a system prompt, one whose picture has no tag, one with a stray tag.
python3 - << 'E'
import json
rows = json.load(open("world/pool.json"))[:40]
bare = rows[3]
bare.pop("image")
bare["conversations"] = [{"from": "human", "value": "What is a circle?"}, {"from": "gpt", "value": "A shape."}]
rows[5]["system"] = "Be brief."
for turn in rows[7]["conversations"]: turn["value"] = turn["value"].replace("<image>\n", "").replace("\n<image>", "")
rows[9].pop("image")
json.dump(rows, open("world/forty.json", "w"), indent=1)
E
pool=(pool.path=world/forty.json pool.image_root=world/images)
for trainer in llamafactory ms-swift llava; do
  "$program" select method=full text_only=keep model.path="$model" "${pool[@]}" budget=1.0 handover=$trainer out=$trainer.json > out.txt 2> err.txt || fail "$trainer: $(cat err.txt)"
  grep -q "^$trainer.$trainer: [0-9]* rows for " out.txt || fail "$trainer: $(cat out.txt)"
  cat out.txt
done
# PyYAML where there is one; else a light reader of what is used here: `key: value`, comments, one level of nesting.
python3 - << 'E'
import json, os, re, subprocess
def yaml(file):
    try:
        import yaml as library
        return library.safe_load(open(file))
    except ImportError:
        out, below = {}, None
        for line in open(file):
            line = re.sub(r"(^|\s\s)#.*", "", line.rstrip("\n"))
            if not line: continue
            key, value = re.fullmatch(r"\s*(\w+):\s*(.*)", line).groups()
            if line.startswith("  "): out[below][key] = value.strip('"')
            elif value: out[key] = json.loads(value) if value.startswith('"') else value
            else: below, out[key] = key, {}
        return out

train = yaml("llamafactory.llamafactory/train.yaml")
info = json.load(open(os.path.join(train["dataset_dir"], "dataset_info.json")))[train["dataset"]]
rows = [json.loads(line) for line in open(os.path.join(train["dataset_dir"], info["file_name"]))]
assert train["template"] == "llava" and train["stage"] == "sft", train
tag, text = info["tags"]["role_tag"], info["tags"]["content_tag"]
for row in rows:
    turns, images = row[info["columns"]["messages"]], row[info["columns"]["images"]]
    assert sum(turn[text].count("<image>") for turn in turns) == len(images), row
    assert all(os.path.isfile(os.path.join(train["media_dir"], image)) for image in images), row
assert len(rows) == 39, len(rows)  # the stray tag

args = yaml("ms-swift.ms-swift/args.yaml")
assert args["template"] == "llava1_5_hf" and os.path.isdir(args["ENV"]["ROOT_IMAGE_DIR"]), args
swift = [json.loads(line) for line in open(args["dataset"])]
assert [row["row"] for row in swift] == [row["row"] for row in rows]

rows = json.load(open("llava.llava/rows.json"))
assert len(rows) == 39 and all(isinstance(row.get("image", ""), str) for row in rows), len(rows)  # the system prompt
assert {turn["from"] for row in rows for turn in row["conversations"]} == {"human", "gpt"}
assert subprocess.run(["sh", "-n", "llava.llava/train.sh"]).returncode == 0
E

echo "== a pool that is named without a folder, and one inside a tar"
"$program" pool convert world/forty.json world/packed.tar image_root=world/images > out.txt 2> err.txt || fail "$(cat err.txt)"
cp world/forty.json world/images/beside.json
# points_to FOLDER TRAINER-FILES: they name this folder of pictures
points_to() { grep -qrE "(image_folder|media_dir:|ROOT_IMAGE_DIR:) [\"']?$(realpath "$1")[\"']?( |$)" "$2" || fail "$2: not $1: $(cat "$2"/*)"; }
for trainer in llamafactory ms-swift llava; do
  (cd world/images && "$program" select method=random model.path="$model" pool.path=beside.json budget=5 handover=$trainer out=five.json) > out.txt 2> err.txt || fail "$trainer: $(cat err.txt)"
  points_to world/images world/images/five.$trainer
  (cd world && "$program" select method=random model.path="$model" pool.path=packed.tar budget=5 handover=$trainer out=unpacked.json) > out.txt 2> err.txt || fail "$trainer: $(cat err.txt)"
  points_to world world/unpacked.$trainer
done
for format in webdataset ids; do
  got=0; "$program" select method=random model.path="$model" pool.path=world/packed.tar budget=5 handover=llava out=five.tar format=$format > out.txt 2> err.txt || got=$?
  [ $got = 2 ] || fail "exit $got for a subset whose pictures are in no files: $(cat err.txt)"
  grep -q "The pictures of 'five.tar' lie inside containers, .* Give out= a name that ends in .json" err.txt || fail "$(cat err.txt)"
done

echo "== check"
"$program" handover check handover=llamafactory model.path="$model" pool.path=llamafactory.json pool.image_root=world/images out=fates.jsonl > out.txt 2> err.txt || fail "$(cat err.txt)"
cat out.txt
grep -q "^LLaMA-Factory (0.9.5), template 'llava', beside our own training: 40 rows, 39 compared" out.txt || fail "rows"
grep -q 'targets 39 of 39, visual tokens 39 of 39' out.txt || fail "agreement"
grep -q "^first difference: row 0 " out.txt || fail "no first difference"
python3 -c 'import json; [json.loads(line) for line in open("fates.jsonl")]'
for trainer in ms-swift llava; do
  "$program" handover check handover=$trainer model.path="$model" pool.path=llamafactory.json pool.image_root=world/images max_length=60 rows=12 > out.txt 2> err.txt || fail "$(cat err.txt)"
  cat out.txt
  grep -q "longer than .*=60: " out.txt || fail "$trainer: no row is too long"
done
got=0; "$program" handover check handover=axolotl model.path="$model" "${pool[@]}" > out.txt 2> err.txt || got=$?
[ $got = 2 ] || fail "exit $got for an unknown trainer"
grep -q "There is no trainer 'axolotl'" err.txt || fail "$(cat err.txt)"
echo "handover: all passed"
