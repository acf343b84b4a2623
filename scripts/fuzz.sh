#!/usr/bin/env bash
# Fuzzes the readers of foreign files under address and undefined-behaviour sanitizers, starting from the tests' files.
#
#   scripts/fuzz.sh [SECONDS] [NAME…]     600 seconds each; NAME: chat_template exchange image packed parquet pickle pool row_list
#                                         safetensors sentencepiece tar tokenizer
#
# What a run learns stays in build/fuzz/corpus; an input that breaks a reader is left in build/fuzz/found, and the exit
# status is 1. JOBS: processes that build; NICE: how nice the fuzzing is to others (0).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
names=("${@:2}")
[ ${#names[@]} -gt 0 ] || names=(chat_template exchange image packed parquet pickle pool row_list safetensors sentencepiece tar tokenizer)
command -v clang++-14 > /dev/null || {
  echo "fuzz: there is no clang++-14 here; install Debian's clang-14 and libclang-rt-14-dev." >&2; exit 1; }
cmake --preset fuzz --log-level=WARNING
cmake --build build/fuzz --parallel "${JOBS:-$(nproc)}" --target "${names[@]/#/fuzz_}"

corpus=build/fuzz/corpus found=build/fuzz/found golden=tests/vlm/golden
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# seed NAME FILE…: copies of the FILEs that are no larger than 64 KiB, numbered
seed() {
  local folder=$corpus/$1 number=0 file; shift
  mkdir -p "$folder"
  for file in "$@"; do
    number=$((number + 1))
    [ "$(stat -c %s "$file")" -gt 65536 ] || cp "$file" "$folder/seed$number"
  done
}
for file in $golden/torch_files/*.bin $golden/assemble/*.bin $golden/assemble/*/*.bin; do
  # an old file is not an archive and has none
  unzip -p "$file" '*/data.pkl' > "$scratch/$(basename "$file").pkl" 2> /dev/null || rm "$scratch/$(basename "$file").pkl"
done
cat > "$scratch/llava.json" <<'JSON'
[{"id": "a", "image": "a.png", "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A \u00e9\ud83d\ude00."}]},
 {"id": 7, "image": ["a.png", "b.jpg"], "source": "x", "conversations": []}, {"id": "a", "conversations": [{"from": "robot", "value": 1}]}]
JSON
cat > "$scratch/messages.jsonl" <<'JSON'
{"id": 1, "images": ["a.png"], "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}

{"messages": null}
JSON
cat > "$scratch/llama.jinja" <<'JINJA'
{% set ns = namespace(n=0) %}{%- if messages[0]['role'] == 'system' -%}{% set system = messages[0].content | trim %}{% else %}{% set system = '' %}{% endif %}
{{ bos_token }}{% for m in messages if m.role != 'system' %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate ' ~ loop.index) }}{% endif %}
  {%- if m.content is string %}{{ '[INST] ' + m.content.strip() + ' [/INST]' }}{% else %}{% for c in m.content | selectattr('type', 'equalto', 'image') %}<image>
{% endfor %}{% for c in m.content %}{% if 'text' in c %}{% generation %}{{ c.text }}{% endgeneration %}{% set ns.n = ns.n + 1 %}{% endif %}{% endfor %}{% endif %}
  {{- eos_token if m.role == 'assistant' and not loop.last else '' }}{% endfor %}{% if add_generation_prompt %}{{ ' ' }}{% endif %}
JINJA
cat > "$scratch/macros.jinja" <<'JINJA'
{# a #}{%- macro f(x, y=1) -%}{{ x[::-1] | upper }}{% endmacro %}{% macro g(x, y={'a': [1, 2.5e3, none]}) %}{{ caller() if caller else y | tojson(indent=2) }}{% endmacro %}
{% call g('é') %}{% filter replace('a', "\u00e9") %}a{{ range(3) | map('string') | join(', ') }}{% endfilter %}{% endcall %}{{ g(1) }}
{% with a = dict(b=1) %}{{ a.items() | list }}{{ '%s %05.2f' % (a, 1) }}{% endwith %}{% raw %}{{ }}{% endraw %}{{ strftime_now('%d %b') }}
{{ messages | map(attribute='role') | unique | sort(reverse=true) | first | default('x', true) }}{{ 'a,b'.split(',')[-1] in ['b'] and 7 // 2 ** 2 is odd }}
JINJA
seed chat_template "$scratch"/*.jinja
printf '%s\n' '{"rank":1,"row":2,"id":"2","score":0.5}' '{"rank":2,"row":0,"id":"a","score":null}' > "$scratch/ranking.list"
printf '{"format": "scalselect.selection/1",\n "rows": [2, 0],\n "ids": ["2", "a"]\n}\n' > "$scratch/manifest.list"
printf 'a\na\n2\n' > "$scratch/ids.list"
printf '[0, 2]' > "$scratch/rows.list"
seed image tests/data/golden/images/* tests/data/golden/bombs/*
seed parquet tests/data/golden/parquet/*.parquet
seed pickle "$scratch"/*.pkl
seed pool "$scratch"/*.json* tests/data/golden/pools/pool.*
seed packed "$scratch"/*.json* tests/data/golden/pools/pool.*
seed tar tests/data/golden/pools/*.tar
seed exchange tests/eval/golden/exchange/vlmevalkit_* tests/eval/golden/exchange/*.jsonl
seed row_list "$scratch"/*.list "$scratch"/*.json* tests/core/golden/matrix.npy
seed safetensors $golden/*.safetensors $golden/*/*.safetensors $golden/*/*/*.safetensors
seed sentencepiece $golden/sentencepiece/*/tokenizer.model
seed tokenizer $golden/tokenizers/*/tokenizer.json $golden/llava_base/tokenizer.json

mkdir -p $found
export TMPDIR=$scratch  # for the targets that read files
status=0
for name in "${names[@]}"; do
  echo "== $name"
  nice -n "${NICE:-0}" build/fuzz/fuzz_"$name" -max_total_time="$seconds" -artifact_prefix=$found/"$name"- -timeout=20 \
    -rss_limit_mb=2048 -print_final_stats=1 $corpus/"$name" > "$scratch/$name.log" 2>&1 || status=1
  sed -E '/Recommended dictionary/,/End of recommended/d; /^#[0-9]+|NEW_FUNC|^INFO/d' "$scratch/$name.log" | tail -40
done
exit $status
