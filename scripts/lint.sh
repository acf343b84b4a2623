#!/usr/bin/env bash
# Formatting, include arrows and clang-tidy: a fast list of checks, or all of .clang-tidy with --tidy. CI runs the first;
# `make format` fixes formatting.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
jobs=${JOBS:-$(nproc)}

mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.cu')
clang-format-14 --dry-run --Werror "${sources[@]}"
echo "lint: format of ${#sources[@]} files is right"

scripts/check_includes.sh
if git grep -nE '(^|[^_[:alnum:]])assert\(' -- '*.h' '*.cpp' '*.cu' ':!tests'; then
  echo "lint: assert() is off in release builds; use SCALSELECT_CHECK (core/check.h)" >&2; exit 1
fi
shellcheck=$(command -v shellcheck || true)
[ -z "$shellcheck" ] || git ls-files '*.sh' .ci/run | xargs "$shellcheck" --severity=warning

# clang-tidy needs only the compile commands, not the build.
[ -e "$build/compile_commands.json" ] || cmake --preset release --log-level=WARNING
# The analyser and the checks of every token of every header run only with --tidy: they take three quarters of the time.
fast=(
  bugprone-{use-after-move,unused-raii,dangling-handle,string-constructor,integer-division}
  bugprone-{swapped-arguments,copy-constructor-init,parent-virtual-call,inaccurate-erase,move-forwarding-reference}
  bugprone-{too-small-loop-variable,terminating-continue,misplaced-widening-cast,sizeof-container}
  performance-{unnecessary-value-param,unnecessary-copy-initialization,for-range-copy,move-const-arg,no-automatic-move}
  modernize-use-override readability-redundant-string-cstr
)
chosen=()
[ "${1:-}" = --tidy ] || chosen=("--checks=-*,$(IFS=,; echo "${fast[*]}")")
# Files that include LibTorch cost clang-tidy a minute each; the compiler's own warnings are errors there (preset dev).
mapfile -t checked < <(git ls-files 'core/*.cpp' 'data/*.cpp' 'selector/*.cpp' 'baselines/*.cpp' 'eval/*.cpp' 'experiments/config/*.cpp' 'experiments/report/*.cpp' 'experiments/schema/*.cpp' 'experiments/launchers/*.cpp' 'experiments/runs/*.cpp')
# Without a CUDA Toolkit or Arrow their halves are not built and cannot be checked.
for half in selector/cuda/ data/parquet/; do
  grep -q "$half" "$build/compile_commands.json" || mapfile -t checked < <(printf '%s\n' "${checked[@]}" | grep -v "^$half")
done
printf '%s\n' "${checked[@]}" | xargs -P "$jobs" -n 2 clang-tidy-14 --quiet -p "$build" "${chosen[@]}" 2>/dev/null
echo "lint: clang-tidy is content with ${#checked[@]} files"
