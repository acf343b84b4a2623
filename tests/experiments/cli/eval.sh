#!/usr/bin/env bash
# `scalselect eval` with the real program on the mini world's benchmarks: answers, a kill in the middle, a second call that
# needs no model, other rules, an adapter, questions that cannot be asked, and what a user sees when something is wrong.
#   eval.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
source=$(cd "$(dirname "$0")/../../.." && pwd)
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
"$program" mini world out=world pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=4 > log.txt 2>&1 || { cat log.txt; exit 1; }
cp -r "$source/data/mini/model" model && chmod -R u+w model
ask=("$program" eval model.path=model eval=mini eval.root=world/benchmarks cache=cache store=store.sqlite +eval.bootstrap.replicates=200)

echo "== a rehearsal runs nothing"
"${ask[@]}" --dry-run > out.txt 2> log.txt || { cat log.txt; fails "a rehearsal"; }
[ "$(grep -c 'questions, 0 answered already' out.txt)" = 6 ] && grep -q 'Nothing was run' out.txt || fails "a rehearsal: $(cat out.txt)"
[ ! -e store.sqlite ] && [ ! -e cache/predictions ] || fails "a rehearsal left something"
expect_refusal 2 "--dry-run is for" "$program" generate --dry-run model.path=model prompt=x

echo "== answers to every benchmark in one load, a table and a run"
"${ask[@]}" out=results > table.txt 2> log.txt || { cat log.txt; fails "eval"; }
for name in mini-MMBench mini-POPE mini-MME-P mini-MME-C mini-AI2D mini-SQA-IMG mini-OCRBench; do
  grep -q "$name" table.txt || fails "no line of $name: $(cat table.txt)"
done
for name in mmbench pope mme ai2d scienceqa ocrbench; do
  [ -s "results/mini-$name/predictions.jsonl" ] && [ -s "results/mini-$name/scores.jsonl" ] || fails "results/mini-$name"
done
python3 - <<'PY' || fails "table.json"
import json
table = json.load(open("results/table.json"))
assert table["complete"] and len(table["benchmarks"]) == 6, table
for benchmark in table["benchmarks"]:
    lines = [json.loads(line) for line in open(f"results/{benchmark['name']}/predictions.jsonl")]
    assert len(lines) == benchmark["questions"] and benchmark["unusable"] == 0
    assert [line["row"] for line in lines] == list(range(len(lines))), "the benchmark's order"
    for metric in benchmark["metrics"]:
        assert not metric["column"] or metric["low"] <= metric["value"] <= metric["high"], metric
PY
id=$("$program" runs experiment=eval store=store.sqlite | awk '$2 == "finished" {print $1}')
[ -n "$id" ] || fails "no finished run"
"$program" show "$id" store=store.sqlite > show.txt
for text in "model eval=mini" predictions/mini-pope eval/mini-mme/perception answers/mini-pope/unreadable; do
  grep -qF "$text" show.txt || fails "show has no '$text'"
done
"$program" answers "$id" benchmark=mini-ai2d limit=2 store=store.sqlite > answers.txt
grep -q "answers right" answers.txt || fails "$(cat answers.txt)"

echo "== a second call, another matcher and other columns need no model"
"${ask[@]}" --dry-run > out.txt 2> log.txt
! grep -q ', 0 answered already' out.txt || fails "what is answered: $(cat out.txt)"
"${ask[@]}" > again.txt 2> log.txt || { cat log.txt; fails "again"; }
diff <(grep -v '^run ' table.txt) <(grep -v '^run ' again.txt) || fails "another table"
! grep -q "answering" log.txt || fails "a model was asked: $(cat log.txt)"
[ "$("$program" runs experiment=eval store=store.sqlite | grep -c finished)" = 1 ] || fails "the same evaluation is another run"
"${ask[@]}" matcher=vk-2024 > vk.txt 2> log.txt || { cat log.txt; fails "matcher"; }
! grep -q "answering" log.txt || fails "a matcher asked the model"
grep -q "vk-2024" vk.txt || fails "the table does not name its rules"
"${ask[@]}" only='[mini-mme]' format=json 2> log.txt | python3 -c 'import json,sys; assert [b["name"] for b in json.load(sys.stdin)["benchmarks"]] == ["mini-mme"]' || fails "only"
other=$("$program" runs experiment=eval match=matcher= store=store.sqlite | awk '$2 == "finished" {print $1}')
"$program" compare "$id" "$other" store=store.sqlite > compare.txt && grep -q "matcher" compare.txt || fails "compare: $(cat compare.txt)"

echo "== killed in the middle, it goes on and gives the same bytes"
killed=("${ask[@]/cache=cache/cache=killed}")
inside=0
for delay in 0.6 1.2 2 3 4 6 8; do
  "${killed[@]}" > /dev/null 2>&1 & pid=$!
  sleep "$delay"
  kill -9 "$pid" 2> /dev/null || true
  wait "$pid" 2> /dev/null || true
  if compgen -G "killed/predictions/*/*.partial/predictions.jsonl.steps" > /dev/null; then inside=1; fi
  [ $inside = 0 ] || break
done
[ $inside = 1 ] || echo "no kill fell inside an evaluation this time"
"${killed[@]}" out=resumed > resumed.txt 2> log.txt || { cat log.txt; fails "resuming"; }
diff <(grep -v '^run ' table.txt) <(grep -v '^run ' resumed.txt) || fails "another table after a kill"
diff -r results resumed -x table.json || fails "other answers after a kill"

echo "== answers do not depend on batch size or threads"
"${ask[@]/cache=cache/cache=single}" eval.batch_size=1 threads=1 out=ones > /dev/null 2> log.txt || { cat log.txt; fails "batch size 1"; }
diff -r results ones -x table.json || fails "other answers with batches of one"

echo "== an adapter is another evaluation"
"$program" method=full model.path=model pool.world.pool_size=200 pool.world.questions_per_skill=11 pool.world.pope_images=4 trainer.epochs=0.5 \
  cache=trained store=trained.sqlite stop_after=adapter name=adapter > log.txt 2>&1 || { cat log.txt; fails "training"; }
adapter=$(find trained/adapter -type d -name adapter | grep -v '^trained/adapter$' | head -1)
"${ask[@]}" adapter="$adapter" only='[mini-pope]' out=adapted > adapted.txt 2> log.txt || { cat log.txt; fails "adapter"; }
grep -q "model + adapter" adapted.txt || fails "the run does not name the adapter: $(cat adapted.txt)"
! cmp -s adapted/mini-pope/predictions.jsonl results/mini-pope/predictions.jsonl || fails "the adapter changed nothing"

echo "== questions that cannot be asked are listed, the rest is scored, and the exit code says so"
cp -r world/benchmarks broken
head -c 20 "$(find world/benchmarks/mini-pope -name '*.png' | sort | head -1)" > "$(find broken/mini-pope -name '*.png' | sort | head -1)"
got=0
"${ask[@]/world\/benchmarks/broken}" only='[mini-pope]' out=part > part.txt 2> err.txt || got=$?
[ "$got" = 3 ] || fails "exit $got instead of 3: $(cat err.txt)"
asked=$(wc -l < results/mini-pope/predictions.jsonl) answered=$(wc -l < part/mini-pope/predictions.jsonl) listed=$(wc -l < part/mini-pope/unusable.jsonl)
[ "$listed" -gt 0 ] && [ $((answered + listed)) = "$asked" ] || fails "$answered answered and $listed listed of $asked"
grep -qF "$answered of $asked" part.txt || fails "the table does not count: $(cat part.txt)"

echo "== what a user sees when something is wrong"
expect_refusal 2 "model.path" "$program" eval eval=mini
expect_refusal 2 "mini world" "$program" eval model.path=model eval=mini
expect_refusal 2 "eval.root" "$program" eval model.path=model eval=paper
expect_refusal 1 "no folder 'nowhere'" "${ask[@]}" eval.root=nowhere
mv world/benchmarks/mini-ocrbench gone
expect_refusal 1 "mini-ocrbench (mini-ocrbench/OCRBench.json)" "${ask[@]}"
mv gone world/benchmarks/mini-ocrbench
expect_refusal 2 "Did you mean" "$program" eval model.path=model eval=papper eval.root=world
expect_refusal 2 "mini-popo" "${ask[@]}" only='[mini-popo]'
expect_refusal 2 "matcher" "${ask[@]}" matcher=vk-1999
expect_refusal 2 "\`eval\` does not know 'rescroe'" "$program" eval rescroe
expect_refusal 1 "no model folder" "${ask[@]}" model.path=none
expect_refusal 1 "adapter" "${ask[@]}" adapter=world cache=fresh
"$program" eval --help > help.txt && grep -q "paper" help.txt && grep -q "only=" help.txt || fails "help: $(cat help.txt)"
"$program" eval model.path=model eval=paper eval.root=r --cfg job > cfg.txt && grep -q "adversarial_f1" cfg.txt || fails "--cfg: $(cat cfg.txt)"
echo "all fine"
