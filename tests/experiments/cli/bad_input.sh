#!/usr/bin/env bash
# What a user sees when something is wrong: each case is made on a tiny pool; the message must name the file, sample or
# key and the remedy. Prints one line per case.
#   bad_input.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
leave() { umount "$folder/small" 2>/dev/null || true; rm -rf "$folder"; }
trap leave EXIT
cd "$folder"
failures=0
wrong() { echo "FAILED: $*" >&2; failures=$((failures + 1)); }

# refused NAME CODE TEXT… -- command…: exits with CODE, says every TEXT in one "error:" line, and does not call it a fault of the program.
refused() {
  local case=$1 code=$2 got=0 texts=() message; shift 2
  while [ "$1" != -- ]; do texts+=("$1"); shift; done; shift
  "$@" > out.txt 2> err.txt || got=$?
  message=$(grep -m1 '^error: ' err.txt || true)
  [ "$got" = "$code" ] || wrong "$case: exit $got instead of $code: $(tail -3 err.txt)"
  for text in "${texts[@]}"; do [[ "$message" == *"$text"* ]] || wrong "$case: no '$text' in: ${message:-$(cat err.txt)}"; done
  [[ "$message" != *"fault of the program"* ]] || wrong "$case: $message"
  printf '%-30s exit %d  %s\n' "$case" "$got" "$message"
}
# listed NAME ROW TEXT…: the job continued (log in err.txt), and a line of it names ROW with every TEXT.
listed() {
  local case=$1 row=$2 line; shift 2
  line=$(grep -E "row $row\b" err.txt | grep -F -m1 -- "$1" || true)
  [ -n "$line" ] || wrong "$case: nothing about row $row and '$1' in: $(cat err.txt)"
  for text in "$@"; do [[ "$line" == *"$text"* ]] || wrong "$case: no '$text' in: $line"; done
  printf '%-30s continues: %s\n' "$case" "$(sed -E "s/^warning: //" <<< "$line")"
}

"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=1 > log.txt 2>&1 || { cat log.txt; exit 1; }
python3 -c 'import json; json.dump(json.load(open("world/pool.json"))[:40], open("world/forty.json", "w"), indent=1)'
model=$source/data/mini/model
pool=world/forty.json
images=(pool.image_root=world/images)
extract() { "$program" extract model.path="$model" pool.path="$1" "${images[@]}" cache=cache out=out.npz; }

echo "== samples: listed with their reason, the job continues"
python3 - <<'PY'
import json, shutil
pool = json.load(open("world/pool.json"))[:12]
for number, sample in enumerate(pool):
    sample["id"] = f"s{number}"
image = lambda name: f"world/images/{name}"
pool[0]["image"] = "nowhere.png"
shutil.copy(image(pool[1]["image"]), image("cut.png")); open(image("cut.png"), "r+b").truncate(300)
pool[1]["image"] = "cut.png"
open(image("text.jpg"), "w").write("<html>404 Not Found</html>\n")
pool[2]["image"] = "text.jpg"
del pool[3]["id"]
pool[5]["id"] = pool[4]["id"]
pool[6]["conversations"] = []
pool[7]["conversations"][0]["value"] = pool[7]["conversations"][0]["value"].replace("<image>\n", "").replace("<image>", "")
pool[8]["image"] = [pool[8]["image"], pool[9]["image"]]
pool[8]["conversations"][0]["value"] = "<image>\n" + pool[8]["conversations"][0]["value"]
pool[10]["conversations"].append({"from": "robot", "value": "beep"})
del pool[11]["conversations"]
json.dump(pool, open("samples.json", "w"), indent=1)
PY
extract samples.json > out.txt 2> err.txt || wrong "a pool with bad samples stops the job: $(cat err.txt)"
listed "missing image" 0 "image 'world/images/nowhere.png' is missing"
listed "truncated PNG" 1 "Image 'world/images/cut.png' is cut short"
listed "text file named .jpg" 2 "'world/images/text.jpg' is not an image in a known format"
listed "sample without id" 3 "no id"
listed "duplicate ids" 5 "id 's4' was seen before in row 4"
listed "empty conversation" 6 "empty conversation"
listed "unknown role" 10 "has the unknown role 'robot'"
listed "no conversation" 11 "none of 'conversations', 'messages' and 'texts'"
for row in 7 8; do ! grep -q "row $row\b" err.txt || wrong "row $row: $(grep "row $row\b" err.txt)"; done
grep -q "6 x 192 representations of 'samples.json', 6 samples rejected" out.txt || wrong "not 6 of 12: $(cat out.txt)"
printf '%-30s continues: %s\n' "no <image> tag; two images" "used: images come before the first question, as in the authors' rendering"

echo "== the pool"
head -c 3000 $pool > cut.json
refused "JSON cut in the middle" 1 "'cut.json' ends in the middle of a value at line" "the last whole row is" "again" -- extract cut.json
echo '{"id": 1' > one.jsonl
refused "JSON line cut" 1 "'one.jsonl' ends in the middle of a value" "line 1" -- extract one.jsonl
echo '[{"text": "no dialogue"}]' > other.json
refused "another JSON" 1 "'other.json' has no usable row; row 0: none of 'conversations', 'messages' and 'texts'" "Give a file of LLaVA" -- extract other.json
refused "no such pool" 1 "'nowhere.json'" "Check the path" -- extract nowhere.json
: > empty.json
refused "empty pool" 1 "'empty.json' is empty" "Give a JSON array" -- extract empty.json
gzip -c "$pool" | head -c 1500 > cut.json.gz
refused "gzip cut" 1 "'cut.json.gz' has gzip data that end in the middle" "could be read" "again" -- extract cut.json.gz
refused "no file of a pattern" 1 "No file matches 'shards/*.tar'" "Check the pattern" -- extract "'shards/*.tar'"
refused "a quota above the pool" 2 "99 rows of '$pool' are asked for, which has 40" "rows" -- extract "[{path: $pool, rows: 99}]"
refused "no pool in a list" 2 "The list of pools is empty" "at least one" -- extract "[]"

echo "== keys and values"
run=("$program" pool=file pool.path="$pool" pool.image_root=world/images store=store.sqlite cache=cache report=report stop_after=selection method=random)
refused "misspelt key" 2 "budgett" "Did you mean 'budget'" "config.yaml" -- "${run[@]}" budgett=0.1
refused "misspelt nested key" 2 "trainer.epoch" "Did you mean" "trainer/mini.yaml" -- "${run[@]}" trainer.epoch=1
refused "misspelt option" 2 "method/randm" "random" -- "${run[@]}" method=randm
refused "wrong type" 2 "'trainer.epochs' is \"abc\"" "number" -- "${run[@]}" trainer.epochs=abc
refused "out of range" 2 "'trainer.batch_size' is 0" -- "${run[@]}" trainer.batch_size=0
refused "budget 0" 2 "budget=0 would choose nothing" "Give a share above 0" -- "${run[@]}" budget=0
refused "budget 1.5" 2 "budget=1.5 is a share above 1" "Give a share above 0" -- "${run[@]}" budget=1.5
refused "budget abc" 2 "budget=abc is neither a share nor a number of samples" "Give a share above 0" -- "${run[@]}" budget=abc
refused "budget above the pool" 1 "budget=4000 is more than the 40 rows" "Lower the budget" -- "${run[@]}" budget=4000
refused "missing key" 2 "Missing mandatory value(s): model.path" "key=value" -- "$program" extract pool.path="$pool" out=x.npz
refused "pool by its path" 2 "pool=file pool.path=p.json" -- "$program" pool=p.json
refused "model by its folder" 2 "model=hf model.path=some_dir" -- "$program" select model=some_dir pool.path="$pool" budget=1 out=x.json
refused "experiment without its folder" 2 "Did you mean 'experiment=mini/demo'?" -- "$program" experiment=demo
refused "a pool alone" 2 "'world/forty.json' is not a setting" "Did you mean 'pool.path=world/forty.json'?" -- "$program" select "$pool"
refused "a key as a flag" 2 "There is no flag '--model'" "'model.path=DIR'" -- "$program" select --model DIR
refused "brackets without end" 2 "Error parsing override" -- "$program" "name=$(printf '[%.0s' $(seq 10000))"
refused "a sweep without end" 2 "The sweep has 999998000001 jobs" "at most 10000" -- "$program" -m 'seed=range(1,1000000)' 'budget=range(1,1000000)'
refused "an option that a method lacks" 2 "Did you mean 'normalize'?" -- "${run[@]}" method=k_center method.normalise=false
refused "composing nothing" 2 "No folder of configurations" "-cd DIR" -- "$program" compose a=1
refused "an unknown part of it" 2 "--cfg takes one of job, hydra, all, not 'jobs'" -- "$program" run --cfg jobs
refused "the configuration of a sweep" 2 "show one configuration" -- "$program" run -m seed=1,2 --cfg job
refused "the configuration of several values" 2 "Ambiguous value for argument 'seed=1,2'" -- "$program" run seed=1,2 --cfg job
refused "an unknown format of it" 2 "--format takes one of yaml, json, not 'toml'" -- "$program" run --cfg job --format toml
refused "unknown command" 2 "There is no command 'selct'. Did you mean 'select'?" "--help" -- "$program" selct

choose=("$program" select model.path="$model" pool.path="$pool" "${images[@]}" cache=cache budget=10 out=subset.json)
refused "target that is not there" 1 "'no_such_target.json'" "Check the path" -- "${choose[@]}" method=rds_plus target.path=no_such_target.json
refused "method without its target" 2 "no target is given" -- "${choose[@]}" method=less

echo "== places"
echo "a file" > file
refused "results folder is a file" 1 "'file'" "permissions" -- "${run[@]}" store=file/results.sqlite
refused "cache folder is a file" 1 "'file" "permissions" -- "${run[@]}" cache=file/cache
refused "report folder is a file" 1 "'file/out.npz'" "permissions" -- "$program" extract model.path="$model" pool.path="$pool" "${images[@]}" cache=cache out=file/out.npz
mkdir locked && chmod 500 locked
if [ "$(id -u)" = 0 ]; then
  echo "(root may write anywhere: the case of a folder without permission is left out)"
else
  refused "unwritable results folder" 1 "'locked" "permissions" -- "${run[@]}" store=locked/results.sqlite
fi
echo "not SQLite, but long enough to have a header of its own" > other.sqlite
refused "store is another file" 1 "'other.sqlite'" "store=FILE" -- "${run[@]}" store=other.sqlite

echo "== the model folder"
broken() { rm -rf broken; cp -r "$model" broken; }
extract_broken() { "$program" extract model.path=broken pool.path="$pool" "${images[@]}" cache=cache out=out.npz; }
broken; truncate -s 100000 broken/model.safetensors
refused "safetensors cut short" 1 "'broken/model.safetensors' is not a valid safetensors file" "cut short" "again" -- extract_broken
broken; printf '\xff\xff\xff\x00\x00\x00\x00\x00' | dd of=broken/model.safetensors conv=notrunc status=none
refused "false header length" 1 "'broken/model.safetensors' is not a valid safetensors file" "header of 16777215 bytes" "again" -- extract_broken
broken; printf '\x10\x00\x00\x00\x00\x00\x00\x00' | dd of=broken/model.safetensors conv=notrunc status=none
refused "header length too short" 1 "'broken/model.safetensors'" "header is not JSON" "again" -- extract_broken
broken; echo '{"architectures": ["Other"], "model_type": "other"}' > broken/config.json
refused "unknown architecture" 1 "broken/config.json" -- extract_broken
broken; rm broken/tokenizer.json
refused "no tokenizer" 1 "broken" "tokenizer" -- extract_broken
refused "no such model" 1 "'nowhere'" "Hugging Face folder" -- "$program" extract model.path=nowhere pool.path="$pool" out=x.npz cache=cache

echo "== what a plan and the start of a run look at"
# planned NAME TEXT -- word…: the plan is not ready, and says why.
planned() {
  local case=$1 text=$2; shift 3
  ! "$program" plan "${run[@]:1}" method=random budget=0.5 stop_after=metrics "$@" > out.txt 2> err.txt || wrong "$case: ready: $(cat out.txt)"
  tr -s ' \n' ' ' < out.txt > line.txt  # plans break their lines
  grep -qF -- "$text" line.txt || wrong "$case: no '$text' in: $(cat out.txt err.txt)"
  printf '%-30s %s\n' "$case" "$(grep -o 'MISSING.*' out.txt | head -1)"
}
planned "pool without its pictures" "all of 40 rows that were looked at lack their picture" -- pool.image_root=nowhere eval.root=world/benchmarks
python3 - "$model" <<'PY'
import json, os, shutil, struct, sys
# The one file of the model as two shards with an index.
shutil.copytree(sys.argv[1], "sharded")
os.chmod("sharded", 0o755)
whole = open("sharded/model.safetensors", "rb").read()
size, = struct.unpack("<Q", whole[:8])
header = json.loads(whole[8:8 + size])
names = sorted(name for name in header if name != "__metadata__")
where = {}
for number, part in enumerate((names[::2], names[1::2]), 1):
    shard = f"model-{number:05}-of-00002.safetensors"
    new, data = {}, b""
    for name in part:
        begin, end = header[name]["data_offsets"]
        new[name] = {**header[name], "data_offsets": [len(data), len(data) + end - begin]}
        data += whole[8 + size + begin:8 + size + end]
        where[name] = shard
    text = json.dumps(new).encode()
    text += b" " * (-len(text) % 8)
    open(f"sharded/{shard}", "wb").write(struct.pack("<Q", len(text)) + text + data)
os.remove("sharded/model.safetensors")
json.dump({"metadata": {}, "weight_map": where}, open("sharded/model.safetensors.index.json", "w"))
PY
rm sharded/model-00002-of-*.safetensors
planned "weights without a shard" "model-00002-of-00002.safetensors" -- model.path=sharded eval.root=world/benchmarks
cp -r world/benchmarks partial; rm partial/mini-pope/*pope_popular.json
planned "POPE without a split" "*pope_popular.json, which the column 'popular_f1'" -- eval.root=partial '+eval.benchmarks.1.columns=[popular_f1]'
mkdir out  # as an earlier run leaves it, beside the user's own group
refused "POPE without a split, eval" 1 "*pope_popular.json, which the column 'popular_f1'" -- "$program" eval model.path="$model" -cd . eval=mini eval.root=partial '+eval.benchmarks.1.columns=[popular_f1]' cache=other out=out store=store.sqlite
if "${run[@]}" eval.root=partial '+eval.benchmarks.1.columns=[popular_f1]' budget=0.5 stop_after=metrics cache=fresh > out.txt 2> err.txt; then wrong "a run without a split of POPE"; fi
grep -qF "*pope_popular.json, which the column 'popular_f1'" err.txt || wrong "POPE without a split, run: $(cat err.txt)"
[ ! -d fresh/selection ] && [ ! -d fresh/adapter ] || wrong "the run computed before it looked at benchmarks"
rm -r out

echo "== features and scores"
extract $pool > out.txt 2> err.txt
head -c 5000 out.npz > cut.npz
refused "features cut short" 1 "'cut.npz'" -- "$program" score features=cut.npz out=scores.jsonl
"$program" score features=out.npz out=scores.jsonl > out.txt 2> err.txt
echo '{"sample_id": 0, "importanc": 1}' > bad.jsonl
refused "scores with another key" 1 "Line 1 of 'bad.jsonl'" "importance" -- "$program" select scores=bad.jsonl pool.path="$pool" budget=0.5 out=subset.json
cp "$pool" own.json
refused "the pool as output" 2 "'own.json' is read" "another out=" -- "$program" extract model.path="$model" pool.path=own.json "${images[@]}" cache=cache out=own.json
refused "the features as output" 2 "'out.npz' is read" "another out=" -- "$program" score features=out.npz out=out.npz
cmp -s "$pool" own.json || wrong "own.json was changed"
refused "a sweep of one thing" 2 "does not sweep" "one value" -- "$program" extract -m method.theta=0.2,0.3 model.path="$model" pool.path="$pool" out=x.npz cache=cache
refused "a sweep of one world" 2 "does not sweep" "one value" -- "$program" mini world -m out=worlds pool.world.pool_size=100,200
refused "the pool as ranking" 2 "'own.json' is read" "ranking=" -- "$program" select scores=scores.jsonl pool.path=own.json budget=0.5 out=subset.json ranking=own.json
to_full() { "$@" > /dev/full; }
refused "standard output is full" 1 "standard output cannot be written" "No space left" -- to_full "$program" generate model.path="$model" prompt=x max_new_tokens=1
refused "a device that is none" 2 "'garbage'" "device=cpu" -- env SCALSELECT_DEVICE=garbage "$program" extract model.path="$model" pool.path="$pool" "${images[@]}" cache=cache out=x.npz
cp -r "$source/tests/vlm/golden/adapters/regex" adapter; chmod -R u+w adapter
sed -i 's/"r": [0-9]*/"r": 99/' adapter/adapter_config.json
refused "another adapter's ranks" 1 "rank" "adapter_config.json" "one adapter" -- "$program" generate model.path="$source/tests/vlm/golden/llava_base" adapter=adapter prompt=x max_new_tokens=1

echo "== a full disk"
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k none small 2>/dev/null; then
  for kib in 64 192 512 1024 1536; do
    mount -o remount,size=${kib}k small
    rm -rf small/*
    refused "full disk ($kib KiB) in the job" 1 "'small" "No space left" "free space" -- \
      "${run[@]}" method=scalselect budget=0.5 trainer.epochs=0.3 cache=small/cache stop_after=adapter
  done
  rm -rf small/*; mount -o remount,size=16k small
  refused "full disk, .npz" 1 "'small/out.npz'" "No space left" "free space" -- "$program" extract model.path="$model" pool.path="$pool" "${images[@]}" cache=cache out=small/out.npz
  refused "full disk, the store" 1 "small/store.sqlite" "Free space" -- "${run[@]}" store=small/store.sqlite
  refused "full disk, the subset" 1 "'small/subset.json'" "No space left" "free space" -- "$program" select scores=scores.jsonl pool.path="$pool" budget=1.0 out=small/subset.json
else
  echo "(no tmpfs may be mounted here: left out)"
fi
[ "$failures" = 0 ] || { echo "$failures expectations failed" >&2; exit 1; }
echo "all as it should be"
