#!/usr/bin/env bash
# What cmake/BuildInfo.cmake writes about the sources: their commit, changes to tracked files, or that they have no commit.
#   build_info.sh SOURCE CMAKE     SOURCE: the source tree, CMAKE: the cmake to run
set -euo pipefail
script=$(realpath "$1")/cmake/BuildInfo.cmake cmake=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b

# expects SOURCE COMMIT DIRTY
expects() {
  "$cmake" -DSOURCE="$1" -DOUTPUT="$folder/info.cpp" -DVERSION=1.2 -DCOMPILER=c -DBUILD_TYPE=Release -DLIBTORCH= -P "$script"
  grep -qF "\"1.2\", \"$2\", $3, \"c\", \"Release\", \"\"" "$folder/info.cpp" ||
    { echo "FAILED: '$2', $3 are not in: $(cat "$folder/info.cpp")" >&2; exit 1; }
}

mkdir "$folder/tree"
expects "$folder/tree" unknown false
git -C "$folder/tree" init -q
expects "$folder/tree" unknown false  # no commit yet
echo 1 > "$folder/tree/file"
git -C "$folder/tree" add file
git -C "$folder/tree" commit -qm first
commit=$(git -C "$folder/tree" rev-parse HEAD)
expects "$folder/tree" "$commit" false
touch "$folder/tree/untracked"
expects "$folder/tree" "$commit" false
echo 2 > "$folder/tree/file"
expects "$folder/tree" "$commit" true
mkdir "$folder/tree/tarball"  # unpacked inside of another checkout
expects "$folder/tree/tarball" unknown false
