#!/usr/bin/env bash
# Seconds against size, both logarithmic, one line per benchmark: log_log.sh GROWTH.csv PLOT.svg
# GROWTH.csv: Google Benchmark's CSV of benchmarks named NAME/SIZE or NAME/SIZE/real_time.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,3s/^# //p' "$0"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A gnuplot data set a benchmark: its name, then size and seconds.
tr -d '"' < "$1" | awk -F, '
  $1 ~ /\/[0-9]+/ && $3 + 0 > 0 {
    split($1, part, "/")
    if (part[1] != name) { if (name != "") print "\n"; name = part[1]; print name }
    scale = $5 == "ns" ? 1e-9 : $5 == "us" ? 1e-6 : $5 == "ms" ? 1e-3 : 1
    if ($3 * scale >= 1e-6) print part[2], $3 * scale  # less is not measurable
  }' > "$work/data"
sets=$(grep -c '^[a-z]' "$work/data") || { echo "no benchmark with sizes in '$1'" >&2; exit 1; }
gnuplot <<GNUPLOT
set terminal svg size 900,640 font "sans-serif,13" background "white"
set output "$2"
set logscale xy
set autoscale xfix
set format y "10^{%L}"
set xlabel "rows N"
set ylabel "seconds"
set key outside right top noenhanced
set grid
set datafile separator whitespace
plot for [i=0:$sets-1] "$work/data" index i using 1:2 with linespoints lw 1.5 pt (i % 12) + 4 ps 0.6 title columnheader(1), \
  x * 1e-6 with lines dt 2 lc "gray50" title "slope 1", x**2 * 1e-10 with lines dt 3 lc "gray50" title "slope 2"
GNUPLOT
echo "$2"
