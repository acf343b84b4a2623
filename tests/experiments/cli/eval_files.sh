#!/usr/bin/env bash
# What is done with answers without a model: eval import, export, rescore, diff, on the files that public harnesses wrote
# (tests/eval/golden/exchange), and what users do wrong.
#   eval_files.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
golden=$source/tests/eval/golden/exchange
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*" >&2; exit 1; }
# ok NAME COMMAND…: it succeeds; its output is in out.txt, its messages in err.txt
ok() { local name=$1; shift; "$program" eval "$@" > out.txt 2> err.txt || fail "$name: $(cat out.txt err.txt)"; }
# refused NAME CODE TEXT COMMAND…: it ends with CODE and one sentence that says TEXT
refused() {
  local name=$1 code=$2 text=$3 got=0; shift 3
  "$program" eval "$@" > out.txt 2> err.txt || got=$?
  [ "$got" = "$code" ] || fail "$name: exit code $got instead of $code: $(cat out.txt err.txt)"
  grep -qF -- "$text" err.txt || fail "$name: $(cat err.txt)"
}
# says TEXT…: the output has it
says() { local text; for text in "$@"; do grep -qF -- "$text" out.txt || fail "no '$text' in: $(cat out.txt)"; done; }

echo "== import"
mmbench=(kind=mmbench path="$golden/mmbench.tsv" cache=cache)
ok "a sheet" import "$golden/vlmevalkit_mmbench.xlsx" "${mmbench[@]}" missing=nan matcher=vk-2026 results="$golden/vlmevalkit_mmbench_results.xlsx" out=vk.jsonl
says "VLMEvalKit's own scores (hit) beside ours by vk-2026: all 8 agree, mean 25.0000" "26 of 26 questions of 'mmbench' answered, joined by id; what the file says of the questions agrees" "blank answers: 1" \
  "answers such as 'None' or 'NA': 3" "VLMEvalKit scores these 4 as 'nan'; here they are 'nan', too" "accuracy" "not readable" "run "
[ "$(wc -l < vk.jsonl)" = 26 ] || fail "26 predictions"
ok "LLaVA's" import "$golden/llava_mmbench.jsonl" "${mmbench[@]}" out=llava.jsonl
cp "$golden/vlmevalkit_mmbench.tsv" reciter_MMBench.tsv
ok "into the cache and the store alone" import reciter_MMBench.tsv "${mmbench[@]}" experiment=theirs
[ "$(ls)" = "$(printf 'cache\nerr.txt\nllava.jsonl\nout.txt\nreciter_MMBench.tsv\nresults\nvk.jsonl')" ] || fail "more files than asked for: $(ls)"
head -20 "$golden/vlmevalkit_mmbench.tsv" > part.tsv
code=0; "$program" eval import part.tsv "${mmbench[@]}" out=part.jsonl > out.txt 2>&1 || code=$?
[ $code = 3 ] || fail "a part of the answers: exit code $code: $(cat out.txt)"
says "questions without an answer" "answers left out"

echo "== runs of imported answers"
"$program" runs format=csv > runs.csv
[ "$(grep -c finished runs.csv)" = 4 ] || fail "four imports, four runs: $(cat runs.csv)"
vk=$(sed -n '/vlmevalkit_mmbench/s/,.*//p' runs.csv)
llava=$(sed -n '/llava-reciter/s/,.*//p' runs.csv)
ok "rescore a run" rescore "$vk"
says "vlmevalkit_mmbench (vlmevalkit), 26 answers"
ok "diff of runs" diff "$vk" "$llava"
says "26 questions in both"
"$program" answers "$vk" limit=1 > out.txt
says "mmbench: " " of 26 answers right"
"$program" show "$(sed -n '/part/s/,.*//p' runs.csv)" > out.txt
says "answers/mmbench/unusable"

echo "== the scores of the harness itself"
samples="$golden/lmms_eval/samples"
ok "of lmms-eval" import "${samples}_gqa.jsonl" kind=gqa path="$golden/lmms_eval/gqa.json" cache=cache
says "lmms-eval's own scores (exact_match) beside ours by lmms-eval: all 16 agree, mean 25.0000"
sed '4s/"exact_match": 0.0/"exact_match": 1.0/; 7s/"target": "[a-z ]*"/"target": "violet"/' "${samples}_gqa.jsonl" > changed.jsonl
ok "of others" import changed.jsonl kind=gqa path="$golden/lmms_eval/gqa.json" cache=cache
says "1 of 16 differ (200000003); mean 31.2500 there, 25.0000 here" "agrees but for expected answers" "perhaps another revision's: 1 (200000006)"
ok "of TextVQA, without its OCR tokens" import "${samples}_textvqa_val.jsonl" kind=textvqa path="$golden/lmms_eval/textvqa.json" cache=cache
says "all 16 agree"
ok "of none" import "${samples}_mmbench_en_dev_static.jsonl" "${mmbench[@]}"
says "lmms-eval's file scores no single answer of this benchmark"
refused "results of something else" 1 "is no table of results" import "$golden/vlmevalkit_mmbench.xlsx" "${mmbench[@]}" results="$golden/vlmevalkit_mmbench.xlsx"

echo "== rescore"
ok "all matchers" rescore vk.jsonl llava.jsonl
says "mmbench (vk.jsonl)" "mmbench (llava.jsonl)" vk-2024 vk-2025 vk-2026 strict "not readable"
ok "as CSV" rescore vk.jsonl matcher=vk-2024,strict format=csv out=questions.jsonl
[ "$(grep -c '^vk.jsonl,mmbench,' out.txt)" = 2 ] || fail "CSV: $(cat out.txt)"
[ "$(wc -l < questions.jsonl)" = 26 ] || fail "questions.jsonl"
ok "as JSON" rescore vk.jsonl --all format=json
python3 - << 'P'
import json
[item] = json.load(open("out.txt"))
assert item["answers"] == 26 and item["kind"] == "mmbench", item
assert "vanilla_all" in item["matchers"]["vk-2026"]["metrics"], item
line = json.loads(open("questions.jsonl").readline())
assert set(line["read"]) == {"vk-2024", "strict"} and line["id"] == "3", line
P

echo "== export and back"
for format in vlmevalkit llava; do
  out=back.$([ $format = llava ] && echo jsonl || echo tsv)
  ok "export $format" export vk.jsonl format=$format path="$golden/mmbench.tsv" out=$out
  ok "import $format" import $out "${mmbench[@]}" out=back_$format.jsonl
  ok "diff $format" diff vk.jsonl back_$format.jsonl format=json
  python3 - << 'P'
import json
[pair] = json.load(open("out.txt"))
assert pair["in_both"] == 26 and not pair["only_in_a"] and not pair["only_in_b"], pair
changed = [q for q in pair["questions"] if q["a"]["value"].strip() != q["b"]["value"].strip()]
assert not changed, changed
P
done
[ -s back.questions.jsonl ] || fail "no question file beside LLaVA's answers"
ok "export lmms-eval" export vk.jsonl format=lmms-eval out=log/lmms.json
grep -q "like=SAMPLES.jsonl" err.txt || fail "no word about positions: $(cat err.txt)"
grep -q '"task": "mmbench_en_dev"' log/lmms.json || fail "lmms.json"

echo "== diff"
ok "diff" diff vk.jsonl llava.jsonl
says "26 questions in both" "first difference" "of which counting" "groups of rotations" "prompts of 26 questions are not known on both sides" "read as"
ok "of matchers" diff vk.jsonl vk.jsonl matcher=vk-2024,strict examples=0
says "matcher vk-2024" "matcher strict"

echo "== incomplete answers"
head -5 vk.jsonl > few.jsonl
refused "an export of a part" 3 "few.jsonl: holds 5 answers, and 21 questions of 'mmbench' have none" export few.jsonl format=vlmevalkit path="$golden/mmbench.tsv" out=few.tsv
[ "$(wc -l < few.tsv)" -ge 6 ] || fail "few.tsv"
part=$(sed -n '/part/s/,.*//p' runs.csv)
refused "an export of a run of a part" 3 "questions of 'mmbench' have none" export "$part" format=llava out=few.jsonl.out
refused "a part, scored" 1 "few.jsonl: the answers to 'mmbench' are not complete" rescore few.jsonl
refused "a part, compared" 1 "few.jsonl: the answers to 'mmbench' are not complete" diff vk.jsonl few.jsonl
ok "its first rotations" rescore few.jsonl circular=off
: > none.jsonl
mkdir none && : > none/predictions.jsonl
refused "an export of nothing" 1 "holds no predictions" export none.jsonl format=llava out=none.out
refused "an export of an empty folder" 1 "holds no predictions" export none format=llava out=none.out
refused "an upload without the table" 2 "Give path=FILE.tsv" export vk.jsonl format=upload out=x.tsv
head -1 vk.jsonl | cat vk.jsonl - > twice.jsonl
for verb in "rescore twice.jsonl" "diff vk.jsonl twice.jsonl" "export twice.jsonl format=llava out=none.out"; do
  refused "a question answered twice: $verb" 1 "twice.jsonl: line 27 answers question '3' again" $verb
done
sed '2s/red/pink/' reciter_MMBench.tsv > pink.tsv
refused "another option" 1 "pink.tsv: line 2 has the option A 'pink'" import pink.tsv "${mmbench[@]}"

echo "== mistakes"
refused "no file" 2 "needs a run or a file" rescore
refused "a missing file" 1 "'gone.jsonl' does not exist" rescore gone.jsonl
refused "a matcher of another kind" 2 "'matcher=official' is not one of" rescore vk.jsonl matcher=official
refused "another benchmark" 2 "has no answers to 'mme'" rescore vk.jsonl benchmark=mme
refused "no kind" 2 "needs kind=" import "$golden/vlmevalkit_mmbench.xlsx"
refused "the wrong benchmark" 1 "Is \`path\` the file" import "$golden/vlmevalkit_mmbench.xlsx" kind=mme path="$golden/mme.tsv" out=x.jsonl
refused "over the input" 2 "is read here" import reciter_MMBench.tsv "${mmbench[@]}" out=reciter_MMBench.tsv
refused "over the answers" 2 "is read here" export vk.jsonl format=vlmevalkit out=vk.jsonl
refused "an unknown format" 2 "is not one of vlmevalkit, lmms-eval, llava" export vk.jsonl format=xlsx out=x.xlsx
sed 's/"bench":"mmbench"/"bench":"mine"/' vk.jsonl > mine.jsonl
refused "a name that is no kind" 2 "say kind=NAME" rescore mine.jsonl
ok "with its kind" rescore mine.jsonl kind=mmbench
echo '<html>' > page.xlsx
refused "a page" 1 "is a page of HTML" import page.xlsx "${mmbench[@]}"
head -c 3000 "$golden/vlmevalkit_mmbench.xlsx" > cut.xlsx
refused "a cut sheet" 1 "cut.xlsx" import cut.xlsx "${mmbench[@]}"
[ ! -e x.jsonl ] || fail "a refused import left x.jsonl"
echo "all passed"
