# shellcheck shell=bash
# Sourced by scripts of this folder once they know their program: a new folder to work in, which goes at the end with what was started
# in the background.
scratch=$(mktemp -d)
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
fails() { echo "FAILED: $*" >&2; exit 1; }
says() { grep -qF -- "$2" "$1" || fails "no '$2' in: $(cat "$1")"; }  # says FILE TEXT
