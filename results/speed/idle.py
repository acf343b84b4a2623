#!/usr/bin/env python3
"""How long two processes wait for each other at the end of an extraction whose samples cost 20 : 1.

    results/speed/idle.py PROGRAM SCRATCH [ROUNDS]

Makes a pool of 1,000 rows from the mini world, one in ten of them about twenty pictures and the others text alone, with the dear ones
last, first, or anywhere. Two processes of one thread each extract what `method=grand` reads, in today's parts and, by turns, in equal
parts of 1,024 rows (a store that an earlier version has begun goes on in these), and one process does alone. Idle: the time between the
ends of the two, of the time that both took.
"""
import json, os, random, shutil, subprocess, sys, threading, time
from pathlib import Path

program, scratch = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
ROWS, PICTURES = 1000, 20
scratch.mkdir(parents=True, exist_ok=True)
os.chdir(scratch)


def make_pools():
    if not Path("world/pool.json").exists():
        subprocess.run([program, "mini", "world", "out=world", "pool.world.pool_size=8000"], check=True, stderr=subprocess.DEVNULL)
    pictures = sorted({row["image"] for row in json.load(open("world/pool.json")) if "image" in row})
    draw = random.Random(1)

    def row(number, dear):
        turns = [{"from": "human", "value": "<image>" * (PICTURES if dear else 0) + "What is shown, and where?"}, {"from": "gpt", "value": "A square."}]
        return {"id": str(number), **({"images": draw.sample(pictures, PICTURES)} if dear else {}), "conversations": turns}

    kinds = {"last": [False] * (ROWS * 9 // 10) + [True] * (ROWS // 10)}
    kinds["first"] = kinds["last"][::-1]
    kinds["anywhere"] = draw.sample(kinds["last"], ROWS)
    kinds |= {"dear": [True] * 100, "cheap": [False] * 1000, "one": [False]}
    for name, dear in kinds.items():
        json.dump([row(i, d) for i, d in enumerate(dear)], open(f"{name}.json", "w"))


def start(pool, cache, rank, size):
    environment = {**os.environ, "SCALSELECT_THREADS": "1"}
    if size > 1: environment |= {"SCALSELECT_RANK": str(rank), "SCALSELECT_PROCESSES": str(size)}
    command = [program, "extract", "model=mini", "pool=file", f"pool.path={pool}.json", "pool.image_root=world/images", "method=grand",
               f"cache={cache}", f"out={cache}.npz"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)


def extract(pool, equal_parts):
    """(idle share, seconds until both had ended)"""
    shutil.rmtree("cache", ignore_errors=True)
    shutil.copytree("known", "cache")  # digests of pictures
    if equal_parts:
        store = Path(json.load(open("stores.json"))[pool])
        (store.parent / (store.name + ".partial") / "parts" / "000000").mkdir(parents=True)
    begin, ends = time.time(), []
    processes = [start(pool, "cache", rank, 2) for rank in range(2)]

    def listen(process):
        for line in process.stderr:
            if "this process read" in line: ends.append(time.time() - begin)
    threads = [threading.Thread(target=listen, args=[p]) for p in processes]
    for t in threads: t.start()
    for t in threads: t.join()
    assert all(p.wait() == 0 for p in processes) and len(ends) == 2
    return (max(ends) - min(ends)) / (2 * max(ends)), max(ends)


def alone(pool, cache="cache"):
    """processor seconds of one process"""
    shutil.rmtree(cache, ignore_errors=True)
    if cache != "known" and Path("known").exists(): shutil.copytree("known", cache)
    process = start(pool, cache, 0, 1)
    error = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, error
    return used.ru_utime + used.ru_stime


make_pools()
stores = {}
for pool in ("last", "first", "anywhere"):
    alone(pool, "known")
    stores[pool] = str(next(Path("known/features").glob("*/*/manifest.json")).parent).replace("known", "cache", 1)
    shutil.rmtree("known/features")
json.dump(stores, open("stores.json", "w"))
seconds = {pool: min(alone(pool) for _ in range(rounds)) for pool in ("dear", "cheap", "one")}
dear, cheap = (seconds["dear"] - seconds["one"]) / 100, (seconds["cheap"] - seconds["one"]) / 1000
print(f"processor seconds of a dear row {dear:.4f}, of a cheap one {cheap:.5f}: {dear / cheap:.0f} : 1", flush=True)
for pool in stores:
    results = {"today": [], "equal": []}
    for _ in range(rounds):
        for name, equal in (("today", False), ("equal", True)): results[name].append(extract(pool, equal))
    print(f"dear {pool}: " + ", ".join(f"{name} idle {min(r[0] for r in runs):.1%} ({', '.join(f'{r[0]:.1%}' for r in runs)}), {min(r[1] for r in runs):.1f} s"
                                        for name, runs in results.items()), flush=True)
