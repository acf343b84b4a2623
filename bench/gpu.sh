#!/usr/bin/env bash
# What one GPU gives, in at most eight minutes: tests, extraction, training, generation and scoring with LLaVA-1.5-7B's geometry (random
# weights), beside the peers where Python has them, and a profile of one pass where nsys is installed.
#
#   bench/gpu.sh [--rehearse] OUT [BUILD]     OUT: a new folder for what was measured; BUILD: default build/release
#
# Nothing is built or installed. --rehearse runs every step on the CPU with the mini model and small numbers, to see that all of them
# work; its figures mean nothing. OUT/figures.md has every figure with the step that gave it; OUT/STEP.log what the step printed.
# A step that fails or finds no time left is named there, and the others go on; the exit code is then 1. SECONDS_LEFT=N sets another limit than 480;
# SCRATCH=DIR another place than TMPDIR for 15 GB of weights; AUTHORS=DIR the folder of the authors' feature_extract_sft.py.
# shellcheck disable=SC2317  # steps are called by name, in a shell of their own
set -euo pipefail
rehearse=0
[ "${1:-}" != --rehearse ] || { rehearse=1; shift; }
[ $# -ge 1 ] || { sed -n '5p' "$0" >&2; exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
out=$(realpath -m "$1") build=$(realpath "${2:-$source/build/release}")
program=$build/scalselect
[ -x "$program" ] || { echo "There is no program '$program': build it first (make build)." >&2; exit 2; }
[ ! -e "$out" ] || { echo "'$out' exists already: name a new folder." >&2; exit 2; }
mkdir -p "$out"
scratch=$(mktemp -d -p "${SCRATCH:-${TMPDIR:-/tmp}}")
trap 'rm -rf "$scratch"' EXIT
begin=$SECONDS
limit=${SECONDS_LEFT:-480}

if [ $rehearse = 1 ]; then
  device=cpu dtype=float32 model=$source/data/mini/model many=24 steps=(1 3) batch=2 words=20 answer=(2 6) rows=2000 columns=64
else
  device=cuda dtype=bfloat16 model=$scratch/model many=448 steps=(2 6) batch=16 words=90 answer=(8 72) rows=100000 columns=4096
fi

failed=0
left() { echo $((limit - SECONDS + begin)); }
# step NAME SECONDS COMMAND…: runs it within its time and what is left; its output goes to OUT/NAME.log
step() {
  local name=$1 seconds=$2 code=0 before=$SECONDS earlier=$failed
  shift 2
  failed=1
  [ "$seconds" -le "$(left)" ] || seconds=$(left)
  if [ "$seconds" -lt 5 ]; then
    echo "$name: not run, no time left" | tee -a "$out/steps.txt"
    return 1
  fi
  timeout "$seconds" "$@" > "$out/$name.log" 2>&1 || code=$?
  [ $code != 0 ] && [ $code != 77 ] || failed=$earlier
  case $code in
    0) echo "$name: $((SECONDS - before)) s" ;;
    77) echo "$name: skipped ($(tail -1 "$out/$name.log"))" ;;
    124) echo "$name: stopped after $seconds s" ;;
    *) echo "$name: exit $code, $(tail -1 "$out/$name.log")" ;;
  esac | tee -a "$out/steps.txt"
  return "$code"
}
# figure WHAT VALUE UNIT STEP
figure() { printf '| %s | %s | %s | %s |\n' "$@" | tee -a "$out/rows.md"; }
# seconds COMMAND…: runs it and prints its wall time; its output goes to standard error
seconds() {
  local start=$EPOCHREALTIME
  "$@" >&2
  python3 -c "print($EPOCHREALTIME - $start)"
}
# rate AMOUNT SMALL LARGE: AMOUNT per second of what the large run took beyond the small one
rate() { python3 -c "print(f'{$1 / ($3 - $2):.4g}' if $3 > $2 + 0.05 else 'too quick')"; }

few=$((many / 7))

make_pool() { # rows, each about a picture of its own, as PNG
  python3 - "$scratch" "$few" "$many" "$words" <<'PY'
import json, pathlib, random, struct, sys, zlib
folder, (few, many, words) = pathlib.Path(sys.argv[1]), map(int, sys.argv[2:])
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rng = random.Random(1)
text = "the a of in on with red green small large dog table window street person what where how many color is are there".split()
rows = []
for row in range(many):
    shades = [bytes(rng.randrange(256) for _ in range(3)) for _ in range(16)]
    lines = b"".join(b"\0" + b"".join(shades[(x // 40 + y // 40 * 3) % 16] for x in range(640)) for y in range(480))
    (folder / f"{row}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 480, 8, 2, 0, 0, 0)) +
                                         chunk(b"IDAT", zlib.compress(lines, 1)) + chunk(b"IEND", b""))
    turns = []
    for role in ("human", "gpt") * 2:
        turns.append({"from": role, "value": ("<image>\n" if not turns else "") + " ".join(rng.choices(text, k=words // 4))})
    rows.append({"id": row, "image": f"{row}.png", "conversations": turns})
for name, count in (("few", few), ("all", many)):
    (folder / f"{name}.json").write_text(json.dumps(rows[:count]))
PY
}

facts() {
  nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.max.sm --format=csv 2> /dev/null || echo "no nvidia-smi"
  "$program" doctor device="$device" || true
}
tests() {
  local failed=0
  [ ! -x "$build/test_selector_cuda" ] || "$build/test_selector_cuda" --gtest_brief=1 || failed=1
  "$build/test_vlm" --gtest_brief=1 --gtest_filter='*OnDevice*' || failed=1
  return "$failed"
}
extract() { # POOL: from an empty cache
  "$program" extract model.path="$model" model.dtype="$dtype" pool.path="$scratch/$1.json" out="$scratch/$1.npz" cache="$scratch/cache_$1" device="$device"
}
extraction() { seconds extract few > "$out/extract_few.s" && seconds extract all > "$out/extract_all.s"; }
train() { # STEPS [KEY=VALUE…]
  local count=$1
  shift
  "$program" run model.path="$model" pool=file pool.path="$scratch/all.json" method=full budget=1.0 stop_after=adapter trainer.max_steps="$count" \
    trainer.batch_size="$batch" trainer.dtype=bfloat16 trainer.gradient_checkpointing=1 trainer.train_embeddings=false trainer.train_head=false \
    trainer.checkpoint_every=0 cache="$scratch/cache_${count}_steps" store="$scratch/$count.sqlite" name=gpu device="$device" "$@"
}
watching() { # FILE COMMAND…: the card's memory in use, every second, while it runs
  local file=$1 code=0
  shift
  ( while :; do nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits 2> /dev/null || break; sleep 1; done > "$file" ) &
  local watcher=$!
  "$@" || code=$?
  kill "$watcher" 2> /dev/null || true
  return "$code"
}
train_twice() { seconds train "${steps[0]}" > "$out/train_few.s" && seconds train "${steps[1]}" > "$out/train_all.s"; }
training() { watching "$out/memory.txt" train_twice; }
nf4() { watching "$out/memory_nf4.txt" train "${steps[0]}" trainer.quantization=nf4; }
tokens() { # of the steps after the first ones
  python3 - "$scratch" "${steps[@]}" <<'PY'
import glob, json, sys
few, many = int(sys.argv[2]), int(sys.argv[3])
log = glob.glob(f"{sys.argv[1]}/cache_{many}_steps/adapter/*/*/train_log.jsonl")[0]
print(sum(json.loads(line)["tokens"] for line in list(open(log))[few:]))
PY
}
generate() { # TOKENS
  "$program" generate model.path="$model" model.dtype="$dtype" prompt="Write a long story about rain in Berlin, 1927." max_new_tokens="$1" device="$device"
}
generation() { seconds generate "${answer[0]}" > "$out/generate_few.s" && seconds generate "${answer[1]}" > "$out/generate_all.s"; }
make_table() {
  python3 - "$scratch/table.npy" "$rows" "$columns" <<'PY'
import array, random, struct, sys
rows, columns = int(sys.argv[2]), int(sys.argv[3])
header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
header += " " * (-(len(header) + 11) % 64) + "\n"
rng = random.Random(1)
noise = array.array("f", (rng.gauss(0, 1) for _ in range(1_048_573))).tobytes()  # a prime number, so that no rows repeat
with open(sys.argv[1], "wb") as out:
    out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    left = rows * columns * 4
    while left > 0:
        out.write(noise[:left])
        left -= min(left, len(noise))
PY
}
scoring() {
  make_table
  seconds "$program" select features="$scratch/table.npy" method=scalselect budget=0.16 out="$scratch/rows.txt" device="$device" > "$out/score.s"
}
peers() {
  python3 -c 'import torch, transformers' 2> /dev/null || { echo "Python has no torch and transformers"; return 77; }
  local authors=()
  [ -z "${AUTHORS:-}" ] || authors=(--authors "$AUTHORS")
  python3 "$source/bench/reference.py" "$program" "$model" "${authors[@]}" --work "$scratch/peers" --only train,generate --repeat 1 \
    --batch "$batch" --device "$device" --dtype "$dtype"
}
profile() {
  command -v nsys > /dev/null || { echo "nsys is not installed"; return 77; }
  rm -rf "$scratch/cache_few"
  nsys profile --stats=true -o "$out/extraction" "$program" extract model.path="$model" model.dtype="$dtype" pool.path="$scratch/few.json" \
    out="$scratch/few.npz" cache="$scratch/cache_few" device="$device"
}
export -f facts tests extract extraction train watching train_twice training nf4 generate generation make_table scoring peers profile seconds make_pool
export program build source scratch out device dtype model few many words rows columns batch AUTHORS
export STEPS="${steps[*]}" ANSWER="${answer[*]}"
run() { step "$1" "$2" bash -c "set -euo pipefail; steps=($STEPS) answer=($ANSWER); $1"; }

echo "| figure | value | unit | step |" > "$out/rows.md"
echo "|---|---:|---|---|" >> "$out/rows.md"
run facts 20 || true
run make_pool 60 || true
[ $rehearse = 1 ] || step checkpoint 90 python3 "$source/bench/random_llava.py" "$model" || true
run tests 60 || true
if run extraction 120; then
  per_second=$(rate $((many - few)) "$(cat "$out/extract_few.s")" "$(cat "$out/extract_all.s")")
  figure "extraction, every picture different" "$per_second" samples/s extraction
  # Multiply-adds of 23 tower blocks over 577 tokens, the projector, and one decoder layer over 576 + text tokens.
  [ $rehearse = 1 ] || [ "$per_second" = "too quick" ] || figure "its products" "$(python3 -c "
t, d, n, w = 577, 1024, 576 + 1.4 * $words, 4096
tower = 23 * (2 * t * 12 * d * d + 4 * t * t * d) + 2 * t * 588 * d
layer = 2 * n * (4 * w * w + 3 * w * 11008) + 4 * n * n * w
print(f'{$per_second * (tower + 2 * 576 * (d * w + w * w) + layer) / 1e12:.3g}')")" "TFLOP/s (H200: 989 in bfloat16)" extraction
fi
if run training 150; then
  figure "LoRA training, batch $batch" "$(rate "$(tokens)" "$(cat "$out/train_few.s")" "$(cat "$out/train_all.s")")" tokens/s training
  [ ! -s "$out/memory.txt" ] || figure "its memory" "$(sort -n "$out/memory.txt" | tail -1)" MiB training
fi
if run nf4 60; then
  [ ! -s "$out/memory_nf4.txt" ] || figure "LoRA training over weights in four bits: its memory" "$(sort -n "$out/memory_nf4.txt" | tail -1)" MiB nf4
fi
if run generation 60; then
  figure "generation, one prompt" "$(rate $((answer[1] - answer[0])) "$(cat "$out/generate_few.s")" "$(cat "$out/generate_all.s")")" tokens/s generation
fi
if run scoring 60; then
  figure "scoring $rows x $columns, whole process" "$(printf %.3g "$(cat "$out/score.s")")" s scoring
fi
[ $rehearse = 1 ] || step cli 120 "$source/tests/experiments/cli/gpu.sh" "$program" $device || true  # a test of its own on the CPU
run profile 60 || true
run peers 240 || true

{
  [ $rehearse = 0 ] || printf 'A rehearsal on the CPU with the mini model: the figures mean nothing.\n\n'
  cat "$out/rows.md"
  printf '\nSteps, %s s in all:\n\n' $((SECONDS - begin))
  sed 's/^/- /' "$out/steps.txt"
} > "$out/figures.md"
rm "$out/rows.md" "$out"/*.s
echo "written: $out/figures.md"
exit "$failed"
