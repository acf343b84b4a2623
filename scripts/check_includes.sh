#!/usr/bin/env bash
# Folders depend one way only: each may include itself and the folders named here, and no other.
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A allowed=(
  [core]="core"
  [data]="core data"
  [selector]="core data selector"
  [baselines]="core data selector baselines"
  [eval]="core data eval"
  [vlm]="core data vlm"
  [trainer]="core data vlm trainer"
  [experiments]="core data selector baselines eval vlm trainer experiments"
)
torch_free="core data selector baselines eval experiments/config experiments/report experiments/inputs experiments/launchers experiments/runs experiments/plan"
status=0
for folder in "${!allowed[@]}"; do
  while IFS=: read -r file line text; do
    target=$(sed -E 's/.*"([a-z_]+)\/.*/\1/' <<<"$text")
    case " ${allowed[$folder]} " in
      *" $target "*) ;;
      *) echo "$file:$line: $folder/ may not include $target/ (allowed: ${allowed[$folder]})"; status=1 ;;
    esac
  done < <(grep -rnE '^#include "[a-z_]+/' --include='*.h' --include='*.cpp' --include='*.cu' "$folder" || true)
done
for folder in $torch_free; do
  [ -d "$folder" ] || continue
  if grep -rnE '#include [<"](torch|ATen|c10)/|#include "(vlm|trainer)/' --include='*.h' --include='*.cpp' "$folder"; then
    echo "$folder/ must build without LibTorch"; status=1
  fi
done
# Only experiments/ reads YAML.
if grep -rnE '#include [<"]yaml-cpp' --include='*.h' --include='*.cpp' core data selector baselines eval vlm trainer; then
  echo "YAML must not travel past experiments/"; status=1
fi
exit $status
