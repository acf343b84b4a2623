#!/usr/bin/env bash
# Installs what the project needs on Debian 12: system packages, LibTorch and Arrow. Safe to run again; does nothing if everything is installed.
#
#   scripts/setup.sh           what `make build`, `make demo` and `make test` need
#   scripts/setup.sh --lint    also clang-format and clang-tidy
#   scripts/setup.sh --package also what finds the dependencies of a .deb
#
# LIBTORCH=/path/to/site-packages/torch uses a LibTorch that you have already (2.6 or newer; 2.11.0 is the supported one).
# PYARROW=/path/to/site-packages/pyarrow likewise (26 or newer; 26.0.1).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
deps="$root/.deps"

packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3 python3-pip unzip
  libeigen3-dev libopenblas-dev nlohmann-json3-dev libfmt-dev libsimdjson-dev libyaml-cpp-dev libsqlite3-dev
  libsqlitecpp-dev libgloo-dev libssl-dev zlib1g-dev libzstd-dev libpng-dev libjpeg-dev libwebp-dev libpcre2-dev libicu-dev
  libgtest-dev libgmock-dev libbenchmark-dev gnuplot-nox fonts-dejavu-core
)
[ "${1:-}" = --lint ] && packages+=(clang-format-14 clang-tidy-14)
[ "${1:-}" = --package ] && packages+=(file dpkg-dev)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then as_root=(); elif command -v sudo >/dev/null; then as_root=(sudo); else
    echo "setup: these packages are missing and neither root nor sudo is at hand: ${missing[*]}" >&2; exit 1
  fi
  command -v apt-get >/dev/null || { echo "setup: no apt-get here; install the like of: ${missing[*]}" >&2; exit 1; }
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# fetch PINS FOLDER…: downloads what scripts/PINS pins by hash into $deps/wheels, once; false if that was done before. The
# folders of an older version are removed.
fetch() {
  local pins=$1; shift
  stamp="$deps/.complete-$(sha256sum "$root/scripts/$pins" | cut -c1-16)"
  [ ! -e "$stamp" ] || return 1
  echo "setup: fetching what scripts/$pins pins by hash"
  (cd "$deps" 2>/dev/null && rm -rf wheels "$@"); mkdir -p "$deps/wheels"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --python-version 3.11 --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 -d "$deps/wheels" -r "$root/scripts/$pins"
}
done_with() { rm -rf "$deps/wheels"; touch "$stamp"; }

# Two libraries of the wheel and their headers, without symbols for debuggers: 55 MB to fetch, 55 MB kept.
if [ -n "${PYARROW:-}" ]; then
  [ -e "$PYARROW/include/parquet/arrow/reader.h" ] || { echo "setup: PYARROW='$PYARROW' has no include/parquet" >&2; exit 1; }
elif fetch arrow.txt pyarrow; then
  unzip -q -o "$deps"/wheels/pyarrow-*.whl 'pyarrow/libarrow.so.*' 'pyarrow/libparquet.so.*' 'pyarrow/include/arrow/*' \
    'pyarrow/include/parquet/*' 'pyarrow-*.dist-info/licenses/*' -x 'pyarrow/include/arrow/flight/*' -d "$deps"
  mv "$deps"/pyarrow-*.dist-info/licenses "$deps/pyarrow/"; rmdir "$deps"/pyarrow-*.dist-info
  strip --strip-unneeded "$deps"/pyarrow/lib*.so.*
  done_with
fi

if [ -n "${LIBTORCH:-}" ]; then
  [ -e "$LIBTORCH/lib/libtorch_cpu.so" ] || { echo "setup: LIBTORCH='$LIBTORCH' has no lib/libtorch_cpu.so" >&2; exit 1; }
  exit 0
fi

# LibTorch, 0.5 GB. The wheel's libtorch_cpu.so looks for the CUDA runtime beside itself (../../nvidia), with or without a GPU.
if fetch libtorch.txt torch nvidia; then
  unzip -q -o "$deps"/wheels/torch-*.whl 'torch/lib/*' 'torch/include/*' -x 'torch/lib/libtorch_python.so' -d "$deps"
  for wheel in "$deps"/wheels/nvidia_*.whl; do unzip -q -o "$wheel" 'nvidia/*/lib/*' -d "$deps"; done
  done_with
fi
rm -rf "$deps/torch/include/fmt"  # Debian's is used: cmake/FindLibTorch.cmake
