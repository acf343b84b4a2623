#!/usr/bin/env bash
# Formatting, include arrows and, with --tidy, clang-tidy. CI runs it; `make format` mends the first.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
jobs=${JOBS:-$(nproc)}

mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.cu')
clang-format-14 --dry-run --Werror "${sources[@]}"
echo "lint: format of ${#sources[@]} files is right"

scripts/check_includes.sh
shellcheck=$(command -v shellcheck || true)
[ -z "$shellcheck" ] || git ls-files '*.sh' .ci/run | xargs "$shellcheck" --severity=warning

[ "${1:-}" = --tidy ] || exit 0
# Files that include LibTorch cost clang-tidy a minute each; the compiler's own warnings are errors there (preset dev).
mapfile -t checked < <(git ls-files 'core/*.cpp' 'data/*.cpp' 'selector/*.cpp' 'baselines/*.cpp' 'eval/*.cpp' 'experiments/config/*.cpp' 'experiments/report/*.cpp')
printf '%s\n' "${checked[@]}" | xargs -P "$jobs" -n 4 clang-tidy-14 --quiet -p "$build" 2>/dev/null
echo "lint: clang-tidy is content with ${#checked[@]} files"
