#!/usr/bin/env bash
# An installed copy runs wherever its prefix is moved, without the source tree or the build folder.
#   install.sh BUILD     BUILD: a build folder
set -euo pipefail
build=$(realpath "$1")
source=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fails() { echo "FAILED: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$folder/first" > "$folder/install.txt"
mkdir "$folder/moved"
mv "$folder/first" "$folder/moved/prefix"
prefix=$folder/moved/prefix program=$folder/moved/prefix/bin/scalselect
cd "$folder"

echo "== nothing in it names the sources or the build"
for file in "$prefix/bin/scalselect" "$prefix"/lib/scalselect/scalselect-model; do
  for place in "$source" "$build"; do
    if grep -aqF "$place/" "$file"; then fails "'$file' names '$place'"; fi
  done
done
find "$prefix" -type l -exec false {} + || fails "a link leaves the prefix"

echo "== all libraries are found, LibTorch's in the prefix"
ldd "$prefix/lib/scalselect/scalselect-model" > libraries.txt
grep 'not found' libraries.txt && fails "libraries are missing"
grep -E 'libtorch|libc10|libcu' libraries.txt | grep -vF "$prefix/" && fails "LibTorch is taken from elsewhere"
ldd "$program" > libraries.txt
grep -q libtorch libraries.txt && fails "scalselect itself loads LibTorch"

plugin=$prefix/lib/scalselect/libscalselect_parquet.so
if [ -e "$plugin" ]; then
  ldd "$plugin" > libraries.txt
  grep 'not found' libraries.txt && fails "libraries of '$plugin' are missing"
  grep -E 'libarrow|libparquet' libraries.txt | grep -vF "$prefix/" && fails "Arrow is taken from elsewhere"
  grep -aqF "$source/" "$plugin" && fails "'$plugin' names the sources"
fi

echo "== commands without and with a model"
# says TEXT WORD…: the command prints a line that begins so
says() { local text=$1; shift; "$program" "$@" > out.txt || fails "$*"; grep -q "^$text" out.txt || fails "$*: no line '$text'"; }
says Commands: --help
says scalselect methods
says 'scalselect \[run\]' run --help
says report: experiment=mini/demo --cfg job
"$program" doctor cache=cache > doctor.txt
for fact in version git_commit compiler libtorch blas cpu_flags threads memory; do grep -q "^$fact " doctor.txt || fails "doctor: no $fact"; done
[ ! -e "$plugin" ] || grep -qE '^Arrow +[0-9]' doctor.txt || fails "doctor does not open '$plugin'"
grep -E "^(configuration|LibTorch|resources) " doctor.txt | grep -vF "$prefix" && fails "doctor names a place outside of the prefix"
grep -F "$source/" doctor.txt && fails "doctor names the sources"
"$program" mini world out=world pool.world.pool_size=240 pool.world.questions_per_skill=11 pool.world.pope_images=2 > world.txt
"$program" extract model=mini cache=cache device=cpu pool.path=world/pool.json pool.image_root=world/images out=all.npz > extract.txt
[ -s all.npz ] || fails "no features"

echo "== exit codes pass through"
status=0; "$program" select budget=0.1 2> error.txt || status=$?
[ $status = 2 ] || fails "a usage error of a model command gives $status"
grep -q '^error: ' error.txt || fails "no error sentence"

echo "== a part that is missing is named"
mv "$prefix/lib/scalselect/scalselect-model" away
status=0; "$program" doctor 2> error.txt || status=$?
[ $status = 1 ] && grep -q scalselect-model error.txt || fails "no sentence names scalselect-model"
mv "$prefix/share" away-too
status=0; "$program" run --help 2> error.txt || status=$?
[ $status = 1 ] && grep -q share/scalselect error.txt || fails "no sentence names share/scalselect"
echo "all fine"
