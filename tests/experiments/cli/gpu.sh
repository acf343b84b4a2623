#!/usr/bin/env bash
# What device=cuda gives is what the CPU gives: scores, losses, gradients, training and an answer of the real program on a
# tiny mini world. Exits 77 (skipped, to CTest) where no GPU can be used.
#   gpu.sh SCALSELECT [DEVICE]     SCALSELECT: the program; DEVICE: cuda
set -euo pipefail
program=$(realpath "$1")
device=${2:-cuda}
source=$(cd "$(dirname "$0")/../../.." && pwd)
model=$source/data/mini/model
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }
if ! "$program" generate model.path="$model" prompt=x max_new_tokens=1 device="$device" > first.out 2>&1; then
  cat first.out
  grep -q 'device=cpu' first.out || fails "not for want of a GPU"
  echo "skipped"; exit 77
fi
tiny=(pool.world.pool_size=240 pool.world.questions_per_skill=11 pool.world.pope_images=2 trainer.epochs=2 parallel=1 name=tiny)

run() { # run PLACE command…
  local place=$1; shift
  "$program" "$@" > "$place.out" 2> "$place.log" || { cat "$place.log"; fails "$place: $*"; }
}
# close WHAT A B TOLERANCE: two score files or rankings of the same samples; prints what it found
close() {
  python3 - "$@" <<'PY' || fails "$1"
import json, sys
what, one, other, tolerance = sys.argv[1:]
def read(name):
    lines = map(json.loads, open(name))
    return {line["row"] if "row" in line else line["sample_id"]: line["score"] if "row" in line else line["importance"] for line in lines}
a, b = read(one), read(other)
assert a.keys() == b.keys() and a, "other samples"
worst = max(abs(a[i] - b[i]) / max(abs(a[i]), 1e-9) for i in a)
order = [sorted(x, key=lambda i: -x[i]) for x in (a, b)]
top = len(a) * 16 // 100
shared = len(set(order[0][:top]) & set(order[1][:top])) / top
print(f"{what}: largest relative difference {worst:.1e}, top 16 % shared {shared:.3f}, same order {order[0] == order[1]}")
assert worst <= float(tolerance), f"more than {tolerance}"
PY
}

echo "== one world"
run cpu run "${tiny[@]}" method=random budget=0.2 stop_after=selection store=cpu.sqlite report=cpu.report device=cpu cache=cpu
world=$(dirname "$(find cpu/world -name pool.json)")
alone=(model.path="$model" pool.path="$world/pool.json" pool.image_root="$world/images")
on() { [ "$1" = cpu ] && echo cpu || echo "$device"; }

echo "== vectors, scores, losses"
for place in cpu gpu; do
  here=(device="$(on $place)" "cache=$place")
  run $place extract "${alone[@]}" out=$place.npz "${here[@]}"
  run $place select "${alone[@]}" budget=0.16 out=$place.json ranking=$place.scalselect.jsonl "${here[@]}"
  run $place select "${alone[@]}" method=perplexity budget=0.16 out=$place.json ranking=$place.perplexity.jsonl "${here[@]}"
  run $place select "${alone[@]}" method=el2n budget=0.16 out=$place.json ranking=$place.el2n.jsonl "${here[@]}"
  "$program" score features=cpu.npz out=$place.scores.jsonl device="$(on $place)" > score.out 2>&1 || { cat score.out; fails "score"; }
done
close "scores of the same vectors" cpu.scores.jsonl gpu.scores.jsonl 1e-5
close "scalselect" cpu.scalselect.jsonl gpu.scalselect.jsonl 1e-3
close "perplexity" cpu.perplexity.jsonl gpu.perplexity.jsonl 1e-4
close "el2n" cpu.el2n.jsonl gpu.el2n.jsonl 1e-3

echo "== gradients after a warm-up"
less=(select "${alone[@]}" target.path="$world/pool.json" target.image_root="$world/images" budget=60 method=less
      method.gradients.warm_up.share=0.2 method.gradients.warm_up.epochs=2 method.sketch.dim=256)
for place in cpu gpu; do
  here=(device="$(on $place)" "cache=$place")
  run $place "${less[@]}" out=$place.less.json ranking=$place.less.jsonl "${here[@]}"
done
close "less" cpu.less.jsonl gpu.less.jsonl 0.01

echo "== training and answers"
for place in cpu gpu; do
  for dtype in float32 bfloat16; do
    touch mark
    run $place run "${tiny[@]}" method=scalselect budget=0.2 trainer.dtype=$dtype stop_after=adapter store=$place.sqlite \
      report=$place.report device="$(on $place)" cache=$place
    find $place -name train_log.jsonl -newer mark -exec cat {} + > $place.$dtype.jsonl
  done
  run $place generate model.path="$model" image="$world/images/$(ls "$world/images" | head -1)" prompt="What is shown here?" \
    max_new_tokens=12 format=json device="$(on $place)"
done
python3 - <<'PY' || fails "training"
import json
for dtype, tolerance in ("float32", 0.001), ("bfloat16", 0.05):
    a, b = ([json.loads(line) for line in open(f"{place}.{dtype}.jsonl")] for place in ("cpu", "gpu"))
    assert len(a) == len(b) > 3, (len(a), len(b))
    worst = max(abs(x["loss"] - y["loss"]) / x["loss"] for x, y in zip(a, b))
    print(f"training in {dtype}: {len(a)} steps, largest relative difference of the loss {worst:.1e}")
    assert worst < tolerance, worst
PY
diff cpu.out gpu.out || fails "another answer"
echo "all fine"
