#!/usr/bin/env bash
# Extraction with LLaVA-1.5-7B's geometry stays below 4 GiB resident, whatever the pool's size: weights are read where
# they are needed. The checkpoint is a file of holes (14 GB long, a few KB on disk): its weights are zero.
#   memory.sh SCALSELECT [SAMPLES [ARGUMENT…]]     SCALSELECT: the program; device=cuda: the GPU's memory is watched too
set -euo pipefail
program=$(realpath "$1")
samples=${2:-10}
source=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }

mkdir model
cp "$source"/data/mini/model/{tokenizer,tokenizer_config,special_tokens_map,generation_config}.json model
python3 - "$source" "$samples" <<'PY'
import json, os, struct, sys
source, samples = sys.argv[1], int(sys.argv[2])
config = json.load(open(f"{source}/data/mini/model/config.json"))
config["vision_feature_layer"] = -2
config["vision_config"] |= dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
                                patch_size=14, projection_dim=768)
config["text_config"] |= dict(vocab_size=32064, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32,
                              num_key_value_heads=32, head_dim=128, max_position_embeddings=4096)
config["image_seq_length"] = 576
json.dump(config, open("model/config.json", "w"))
processor = json.load(open(f"{source}/data/mini/model/preprocessor_config.json"))
processor["size"] = {"shortest_edge": 336}
processor["crop_size"] = {"height": 336, "width": 336}
json.dump(processor, open("model/preprocessor_config.json", "w"))

shapes = {"vision_tower.vision_model.embeddings.class_embedding": [1024],
          "vision_tower.vision_model.embeddings.patch_embedding.weight": [1024, 3, 14, 14],
          "vision_tower.vision_model.embeddings.position_embedding.weight": [577, 1024]}
def linear(name, out, into, bias=True):
    shapes[name + ".weight"] = [out, into]
    if bias:
        shapes[name + ".bias"] = [out]
def norm(name, size, bias=True):
    shapes[name + ".weight"] = [size]
    if bias:
        shapes[name + ".bias"] = [size]
norm("vision_tower.vision_model.pre_layrnorm", 1024)
norm("vision_tower.vision_model.post_layernorm", 1024)
for i in range(24):
    at = f"vision_tower.vision_model.encoder.layers.{i}."
    for name in "qkv":
        linear(f"{at}self_attn.{name}_proj", 1024, 1024)
    linear(f"{at}self_attn.out_proj", 1024, 1024)
    linear(f"{at}mlp.fc1", 4096, 1024)
    linear(f"{at}mlp.fc2", 1024, 4096)
    norm(f"{at}layer_norm1", 1024)
    norm(f"{at}layer_norm2", 1024)
linear("multi_modal_projector.linear_1", 4096, 1024)
linear("multi_modal_projector.linear_2", 4096, 4096)
shapes["language_model.model.embed_tokens.weight"] = [32064, 4096]
for i in range(32):
    at = f"language_model.model.layers.{i}."
    for name in "qkvo":
        linear(f"{at}self_attn.{name}_proj", 4096, 4096, bias=False)
    linear(f"{at}mlp.gate_proj", 11008, 4096, bias=False)
    linear(f"{at}mlp.up_proj", 11008, 4096, bias=False)
    linear(f"{at}mlp.down_proj", 4096, 11008, bias=False)
    norm(f"{at}input_layernorm", 4096, bias=False)
    norm(f"{at}post_attention_layernorm", 4096, bias=False)
norm("language_model.model.norm", 4096, bias=False)
linear("language_model.lm_head", 32064, 4096, bias=False)
header, end = {}, 0
for name, shape in shapes.items():
    size = 2
    for length in shape:
        size *= length
    header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
    end += size
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("model/model.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    file.truncate(8 + len(text) + end)
words = "what is shown here, and how many of them are there? " * 4
os.mkdir("images")
for i in range(samples):  # a picture each: samples that share one are computed together
    os.symlink(f"{source}/tests/data/golden/images/" + ["plain.jpg", "rgb.png", "noise.png"][i % 3], f"images/{i}")
pool = [{"id": f"s{i}", "image": str(i),
         "conversations": [{"from": "human", "value": f"<image>\n{words}{i}"}, {"from": "gpt", "value": "yes"}]} for i in range(samples)]
json.dump(pool, open("pool.json", "w"))
PY

"$program" extract model.path=model pool.path=pool.json pool.image_root=images cache=cache out=out.npz \
  "${@:3}" > log.txt 2>&1 &
pid=$!
peak=0 gpu=0
case " ${*:3} " in *" device=cuda "*) watch_gpu=1 ;; *) watch_gpu=0 ;; esac
while kill -0 $pid 2>/dev/null; do
  now=$(awk '/^VmHWM/ {print $2}' /proc/$pid/status 2>/dev/null || true)
  [ -z "$now" ] || peak=$now
  if [ $watch_gpu = 1 ]; then  # the card's, so that no other program may use it
    now=$(nvidia-smi -i 0 --query-gpu=memory.used --format=csv,noheader,nounits)
    [ "$now" -le $gpu ] || gpu=$now
  fi
  sleep 0.1
done
wait $pid || { cat log.txt; fails "extraction"; }
tail -1 log.txt
echo "$samples samples: at most $((peak / 1024)) MiB resident"
if [ $watch_gpu = 1 ]; then
  echo "$samples samples: at most $gpu MiB of the GPU"
  [ "$gpu" -gt 0 ] && [ "$gpu" -lt 4096 ] || fails "$gpu MiB of the GPU"
fi
[ "$peak" -gt 0 ] && [ "$peak" -lt $((4 * 1024 * 1024)) ] || fails "$((peak / 1024)) MiB resident"
