#!/usr/bin/env bash
# `scalselect generate` and `scalselect model assemble` with the real program, against what transformers gave.
#   generate.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
golden=$source/tests/vlm/golden
images=$source/tests/data/golden/images
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fails() { echo "FAILED: $*" >&2; exit 1; }
# expect_refusal CODE TEXT command… : the command must exit with CODE and name TEXT
expect_refusal() {
  local code=$1 text=$2 got=0; shift 2
  "$@" > out.txt 2> err.txt || got=$?
  [ "$got" = "$code" ] || fails "exit $got instead of $code: $*: $(cat err.txt)"
  grep -qF -- "$text" err.txt || fails "no '$text' in: $(cat err.txt)"
}
model=(model.path="$golden/llava_base" max_new_tokens=16)
# expected LINE: the golden's ids and text as the program prints them
expected() { sed -n "$1p" "$golden/generate.jsonl" | sed 's/^.*"prompt_ids"/{"prompt_ids"/'; }

echo "== answers are those of transformers"
"$program" generate "${model[@]}" image="$images/rgb.png" prompt="What is this?" format=json > one.txt
diff one.txt <(expected 1) || fails "one image"
"$program" generate "${model[@]}" image="[$images/plain.jpg,$images/palette.png]" \
  prompt="Are these, by chance, the same: yes or no?" format=json > two.txt
diff two.txt <(expected 2) || fails "two images"
"$program" generate "${model[@]}" prompt="Hello = world" format=json > none.txt
diff none.txt <(expected 3) || fails "no image"
"$program" generate "${model[@]}" image="$images/rgb.png" 'prompt="What is this?"' > text.txt
grep -qF -- "$(cat text.txt)" one.txt || fails "text: $(cat text.txt)"

echo "== a folder from its parts answers"
"$program" model assemble llm="$golden/assemble/vicuna" tower="$golden/assemble/clip" \
  projector="$golden/assemble/mm_projector.bin" out=llava > out.txt
grep -qF '<image> = 635' out.txt || fails "$(cat out.txt)"
"$program" generate model.path=llava image="$images/rgb.png" prompt="What is this?" max_new_tokens=4 format=json > out.txt
grep -qF '635,635,635,635' out.txt || fails "four image tokens: $(cat out.txt)"

echo "== the folder's own chat template makes the prompt, unless another one is asked for"
cp -r "$golden/llava_base" own && chmod -R u+w own
cat > own/chat_template.jinja <<'JINJA'
{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m.content + ' [/INST]' if m.role == 'user' else m.content + eos_token }}{% endfor %}
JINJA
ask=("$program" generate max_new_tokens=16 image="$images/rgb.png" prompt="What is this?" format=json)
"${ask[@]}" model.path=own > own.txt 2> err.txt
! cmp -s own.txt one.txt || fails "the chat template changes nothing"
grep -qF "own/chat_template.jinja" err.txt || fails "nobody says that the template is used: $(cat err.txt)"
"${ask[@]}" model.path=own model.chat_template=llava-1.5 > built_in.txt
diff built_in.txt one.txt || fails "the built-in prompt of a folder with a template"
"${ask[@]}" "${model[@]:0:1}" model.chat_template=own/chat_template.jinja > file.txt
diff file.txt own.txt || fails "a file of Jinja"
expect_refusal 2 "Did you mean 'llava-1.5'?" "${ask[@]}" model.path=own model.chat_template=llava1.5
echo "{% if %}" > own/chat_template.jinja
expect_refusal 1 "own/chat_template.jinja' cannot be used: on line 1" "${ask[@]}" model.path=own

echo "== a prompt beyond the model's positions is refused"
expect_refusal 1 "2048 positions" "$program" generate model.path="$source/data/mini/model" prompt="$(printf 'red %.0s' {1..2100})" max_new_tokens=1

echo "== bench: the machine's rates, each hot path beside one of them, and nothing left behind"
"$program" bench cache=bench_cache > bench.out 2> bench.log || fails "bench: $(cat bench.log)"
for path in "extraction, float32" "generation, one prompt" "scoring 50000 x 1024, from a file" "a pool of JSON lines"; do
  grep -qE "$path.* [0-9.e+-]+ (samples/s|tokens/s|s|GB/s) +[0-9]+ % of" bench.out || fails "no share of '$path' in: $(cat bench.out)"
done
[ -z "$(ls -A bench_cache)" ] || fails "left in the cache: $(ls -A bench_cache)"
expect_refusal 2 "bench" "$program" bench modle=x

echo "== what a user sees when something is wrong"
expect_refusal 2 "prompt" "$program" generate "${model[@]}"
expect_refusal 2 "format" "$program" generate "${model[@]}" prompt=x format=xml
expect_refusal 1 "none.png" "$program" generate "${model[@]}" prompt=x image=none.png
expect_refusal 1 "no_such" "$program" generate model.path=no_such prompt=x
expect_refusal 2 "assemble" "$program" model asemble
expect_refusal 2 "projector" "$program" model assemble llm=a tower=b out=c
expect_refusal 1 "nowhere" "$program" model assemble llm=nowhere tower="$golden/assemble/clip" projector=x.bin out=c
echo "all fine"
