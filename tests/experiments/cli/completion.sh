#!/usr/bin/env bash
# Completion as bash does it: the script is sourced and its function called with a line and a place in it.
#   completion.sh SCALSELECT     SCALSELECT: the program
set -euo pipefail
program=$(realpath "$1")
fails() { echo "FAILED: $*" >&2; exit 1; }
# shellcheck disable=SC1090  # made by the program
source <("$program" --completion bash)
compopt() { :; }  # known to bash during a real completion only

# completes LINE EXPECTED…: pressing tab at the end of `scalselect LINE` offers every EXPECTED
completes() {
  local line=$1 expected; shift
  COMP_LINE="scalselect $line" COMP_POINT=$((${#line} + 11)) COMPREPLY=()
  _scalselect "$program"
  for expected in "$@"; do [[ " ${COMPREPLY[*]} " == *" $expected "* ]] || fails "'$line': no '$expected' among: ${COMPREPLY[*]}"; done
}
# lacks LINE WORD: that is not offered
lacks() {
  COMP_LINE="scalselect $1" COMP_POINT=$((${#1} + 11)) COMPREPLY=()
  _scalselect "$program"
  [[ " ${COMPREPLY[*]} " != *" $2 "* ]] || fails "'$1' offers '$2'"
}
completes "" run select runs method= trainer. --multirun
completes "se" select seed=
lacks "se" score
completes "trainer.ep" trainer.epochs=
completes "trainer." trainer.lora. trainer.epochs=
completes "method=scal" scalselect scalselect_all_tokens
completes "-m method=random,sc" random,scalselect
completes "experiment=mini/" mini/demo mini/main
completes "method=k_" k_center
completes "method=k_center method.n" method.normalize=
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
mkdir "$own/method"
echo "name: random" > "$own/method/mine.yaml"
completes "--config-dir $own method=mi" mine
completes "hydra.searchpath=[$own] method=mi" mine
completes "select " scores= ranking= budget=
lacks "select " store=
completes "bench " model= dtype=
completes "mini " world probes
completes "mini world " pool.
completes "score " features= part merge apply
completes "score part " features= first= part= fit=
lacks "score part " method.
completes "score merge " energy= fit=
completes "score apply f" features= fit=
completes "eval diff " benchmark= matcher=
completes "generate " prompt= image= max_new_tokens= model.
completes "eval " model. eval= only= answer
completes "eval eval=mm" mmbench_en mme
completes "model " assemble
completes "model assemble " projector= out=
completes "report " experiment= store=
lacks "show " trainer.
completes "verify " subset= pool= model=
completes "overlap " format= pool=
completes "pool " describe convert
completes "select method=ids method." method.path= method.keyed_by=
echo "all fine"
