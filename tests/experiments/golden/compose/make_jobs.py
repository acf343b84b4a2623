"""What the jobs of `-m` see under hydra.job, made by running an application of hydra-core 1.3.2.

    venv/bin/python tests/experiments/golden/compose/make_jobs.py      (the environment of make_goldens.py)

Writes jobs.json beside this file: the folders' files ("conf" is the application's own; "more" is a user's, which some of
the cases search) and, for each command line, the resolved configuration of each job in order. ROOT stands for their place.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FILES = {
    "conf/config.yaml": "defaults:\n  - kind: plain\n  - _self_\n"
    "x: 0\nseed: ${hydra:job.num}\nname: run-${hydra:job.num}-${x}\nid: ${hydra:job.id}\nwords: ${hydra:job.override_dirname}\n",
    "conf/kind/plain.yaml": "place: out/${hydra:job.num}\n",
    "conf/kind/other.yaml": "place: elsewhere\n",
    "conf/params.yaml": "hydra: {sweeper: {params: {x: '5,6', y: 'range(2)'}}}\nx: 0\ny: 0\nnum: ${hydra:job.num}\n",
    "conf/searching.yaml": "defaults:\n  - kind: plain\n  - _self_\nhydra: {searchpath: ['file://${oc.env:GOLDEN_ROOT}/more', 'no/such/folder']}\nx: 0\n",
    "more/kind/theirs.yaml": "place: in their folder\nown: 1\n",
    "more/kind/plain.yaml": "place: never read, the application's own comes first\n",
    "more/experiment/mine.yaml": "# @package _global_\ndefaults:\n  - override /kind: theirs\nx: 9\n",
}
APP = """
import json, sys, hydra
from omegaconf import OmegaConf

@hydra.main(version_base=None, config_path="conf", config_name=sys.argv.pop(1))
def main(config):
    with open("{out}", "a") as file:
        file.write(json.dumps(OmegaConf.to_container(config, resolve=True)) + "\\n")

main()
"""
CASES = [
    ("config", ["x=1,2,3"]),
    ("config", ["kind=plain,other", "x=range(2)"]),
    ("config", ["x=4"]),
    ("config", ["x=1,2", "seed=7"]),
    ("params", []),
    ("params", ["y=3"]),
    ("config", ["--config-dir=ROOT/more", "kind=theirs,plain"]),
    ("config", ["--config-dir=ROOT/more", "kind=glob(*)"]),
    ("config", ["--config-dir=ROOT/more", "+experiment=mine", "x=1,2"]),
    ("config", ["hydra.searchpath=[file://ROOT/more]", "kind=theirs,plain"]),
    ("config", ["hydra.searchpath=[ROOT/more]", "+experiment=mine"]),
    ("searching", ["kind=theirs,other"]),
    ("searching", ["+experiment=mine", "x=range(2)"]),
]


def jobs_of(folder: Path, name: str, words: list) -> list:
    out = folder / "out.jsonl"
    out.unlink(missing_ok=True)
    app = folder / "app.py"
    app.write_text(APP.replace("{out}", str(out)))
    words = [word.replace("ROOT", str(folder)) for word in words]
    subprocess.run(
        [sys.executable, app, name, "-m", *sorted(words, key=lambda word: word[:2] != "--"), "hydra/job_logging=none", "hydra/hydra_logging=none"],
        cwd=folder, check=True, env={**os.environ, "GOLDEN_ROOT": str(folder)},
    )
    return [json.loads(line) for line in out.read_text().splitlines()]


def main():
    with tempfile.TemporaryDirectory() as root:
        for name, text in FILES.items():
            path = Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        cases = [{"config": name, "overrides": words, "jobs": jobs_of(Path(root), name, words)} for name, words in CASES]
    (HERE / "jobs.json").write_text(json.dumps({"files": FILES, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
