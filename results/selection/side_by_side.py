#!/usr/bin/env python3
"""Every method that needs vectors alone, on one feature file: wall and processor time, peak memory, as a Markdown table.

    side_by_side.py build/release/scalselect [--rows 100000] [--cols 128] [--budget 0.16] [--only NAME,NAME]

The vectors lie around 200 centres of unequal weight, as features do. Reading the file and writing the rows is included.
Needs nothing beside Python itself.
"""
import argparse
import array
import os
import random
import struct
import subprocess
import sys
import tempfile
import time


def write_matrix(path, rows, cols):
    """Float32, in the layout of numpy.save."""
    draw = random.Random(1)
    centers = [[draw.gauss(0, 1) for _ in range(cols)] for _ in range(200)]
    weights = [1 / (i + 3) for i in range(len(centers))]
    noise = [draw.gauss(0, 0.5) for _ in range(1_000_003)]
    header = str({"descr": "<f4", "fortran_order": False, "shape": (rows, cols)})
    header = header.ljust(117) + "\n"
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for center in draw.choices(centers, weights, k=rows):
            start = draw.randrange(len(noise) - cols)
            out.write(array.array("f", [a + b for a, b in zip(center, noise[start:start + cols])]).tobytes())


def measure(command, log):
    """Exit status, wall s, processor s, peak MiB."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--cols", type=int, default=128)
    parser.add_argument("--budget", default="0.16")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    listed = subprocess.run([options.program, "methods"], check=True, capture_output=True, text=True).stdout
    names = [line.split()[0] for line in listed.splitlines()]
    if options.only:
        names = [name for name in names if name in options.only.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        features, chosen, log_path = (os.path.join(folder, name) for name in ("features.npy", "rows.txt", "log.txt"))
        write_matrix(features, options.rows, options.cols)
        print(f"| method | wall s | processor s | peak MiB |\n|---|---:|---:|---:|", flush=True)
        for name in names:
            with open(log_path, "w") as log:
                status, wall, processor, peak = measure(
                    [options.program, "select", f"features={features}", f"method={name}", f"budget={options.budget}", f"out={chosen}"], log)
            text = open(log_path).read()
            if status == 2 and f"'{name}' needs" in text:
                continue  # reads more than vectors
            if status != 0:
                sys.exit(f"{name}: {text}")
            rows = set(open(chosen).read().split())
            expected = round(float(options.budget) * options.rows)
            if len(rows) != expected:
                sys.exit(f"{name}: {len(rows)} different rows in place of {expected}")
            print(f"| `{name}` | {wall:.1f} | {processor:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
