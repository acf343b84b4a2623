"""Goldens of configuration composition, made with hydra-core itself.

    python -m venv venv && venv/bin/pip install hydra-core==1.3.2 omegaconf==2.3.1 PyYAML==6.0.3
    venv/bin/python tests/experiments/golden/compose/make_goldens.py

Writes cases.json beside this file: each case has a folder of files (named once in "folders"), a primary config, words of
the command line, and what Hydra answers: YAML and JSON, unresolved and resolved, or the first line of its refusal.
"""
import json
import os
import tempfile
import warnings

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["GOLDEN_SET"] = "from outside"
os.environ.pop("GOLDEN_UNSET", None)

FOLDERS = {
    "plain": {
        "config.yaml": "x: 20\ns: abc\nn: null\nm: ???\nl: [1, 2, 3]\nd: {a: 1, b: {c: 2}}\n"
        "i: ${x}\nj: pre_${s}\nk: ${d}\nb: true\nf: 1.5\n"
    },
    "groups": {
        "config.yaml": "defaults:\n  - db: mysql\n  - server/cache: redis\n  - optional extra: none_there\n  - _self_\n"
        "name: app\nurl: ${db.host}:${db.port}\n",
        "self_first.yaml": "defaults:\n  - _self_\n  - db: mysql\ndb: {port: 1, mine: true}\n",
        "no_self.yaml": "defaults:\n  - db: mysql\ndb: {port: 1, mine: true}\n",
        "self_twice.yaml": "defaults:\n  - _self_\n  - _self_\n",
        "must.yaml": "defaults:\n  - db: ???\n",
        "nothing.yaml": "defaults:\n  - db: null\na: 1\n",
        "several.yaml": "defaults:\n  - db: [mysql, pg]\n",
        "at.yaml": "defaults:\n  - db@source: mysql\n  - db@backup.main: pg\n  - db@_global_: pg\n",
        "by_path.yaml": "defaults:\n  - db/pg\n  - db/mysql@other\n  - server/cache/redis@_here_\n",
        "twice.yaml": "defaults:\n  - db: mysql\n  - db: mysql\n",
        "clash.yaml": "defaults:\n  - db: mysql\n  - db: pg\n",
        "late.yaml": "defaults:\n  - server/cache: redis\n  - override server/cache: none\n  - db: pg\n",
        "overriding.yaml": "defaults:\n  - db: mysql\n  - server/cache: redis\n  - override db: pg\n",
        "stray.yaml": "defaults:\n  - override db: pg\n",
        "lost.yaml": "defaults:\n  - db: oracle\n",
        "lost_path.yaml": "defaults:\n  - db/oracle\n",
        "nested.yaml": "defaults:\n  - site: small\n",
        "interpolated.yaml": "defaults:\n  - db: mysql\n  - kind: fast\n  - db_kind: ${db}_${kind}\n",
        "interpolated_lost.yaml": "defaults:\n  - db_kind: ${nope}_${kind}\n",
        "too_many.yaml": "defaults:\n  - db: mysql\n    kind: fast\n",
        "no_list.yaml": "defaults: {db: mysql}\n",
        "number.yaml": "defaults:\n  - db: 5\n",
        "list_file.yaml": "- 1\n- 2\n",
        "db/mysql.yaml": "host: my.example\nport: 3306\nopts: {ssl: true, tries: [1, 2]}\n",
        "db/pg.yaml": "host: pg.example\nport: 5432\nopts: {schema: public}\n",
        "server/cache/redis.yaml": "ttl: 60\nmiss: ???\n",
        "server/cache/none.yaml": "{}\n",
        "kind/fast.yaml": "speed: 9\n",
        "kind/slow.yaml": "speed: 1\n",
        "db_kind/mysql_fast.yaml": "both: mf\n",
        "db_kind/mysql_slow.yaml": "both: ms\n",
        "db_kind/pg_fast.yaml": "both: pf\n",
        "site/small.yaml": "defaults:\n  - /db: pg\n  - net: lan\n  - /kind@speeds.first: fast\nsize: 1\n",
        "site/big.yaml": "defaults:\n  - net: wan\n  - /db: mysql\n  - _self_\nsize: 100\nnet: {hops: 7}\n",
        "site/group_pkg.yaml": "defaults:\n  - net@_group_: lan\n  - /kind@_global_.k2: slow\n",
        "site/net/lan.yaml": "hops: 1\n",
        "site/net/wan.yaml": "hops: 9\nup: ${..size}\n",
    },
    "experiments": {
        "config.yaml": "defaults:\n  - model: small\n  - optim: sgd\n  - _self_\nseed: 1\nrun: ${model.name}-${optim.lr}-${seed}\n",
        "model/small.yaml": "name: small\nwidth: 8\nblock: {depth: 2, act: relu}\n",
        "model/large.yaml": "name: large\nwidth: 64\nblock: {depth: 12, act: gelu}\n",
        "optim/sgd.yaml": "lr: 0.1\nmomentum: 0.9\n",
        "optim/adam.yaml": "lr: 1e-3\nbetas: [0.9, 0.999]\n",
        "experiment/wide.yaml": "# @package _global_\ndefaults:\n  - override /model: large\n  - override /optim: adam\n"
        "seed: 7\nmodel: {width: 128}\nnote: 'wide: yes'\n",
        "experiment/keep.yaml": "# @package _global_\nseed: 3\noptim: {lr: 0.5}\n",
        "experiment/based.yaml": "# @package _global_\ndefaults:\n  - wide\n  - _self_\nseed: 8\n",
        "experiment/bad.yaml": "# @package _global_\ndefaults:\n  - override /nogroup: x\n",
        "header/odd.yaml": "# @package a.b\nin_package: 1\n",
        "header/many.yaml": "# @package a b\nx: 1\n",
        "header/late.yaml": "x: 1\n# @package a.b\n",
    },
    "scalars": {
        "config.yaml": "bools: [yes, No, on, OFF, true, False, y, n]\nnulls: [~, null, Null, NULL, '']\n"
        "ints: [0, -0, +1, 1_000, 010, 0x1F, 0b101, 0o17, 08, 190:20:30, 123456789012345678901234567890]\n"
        "floats: [1., .5, -.5, 1e3, 1E-3, 1.5e+3, 1_0.5, .inf, -.INF, .NaN, 1:30.5, 1e16, 1e22, 1e-7, 100.0]\n"
        "texts: ['10', \"1e5\", 'yes', 'null', '~', 2020-01-01, 12:60, 1.2.3, 0.foo, nan, inf, '???x', a#b, '# a']\n"
        "quotes: ['it''s', \"a\\\"b\", \"tab\\there\", \"nl\\nhere\", ' lead', 'trail ', '- a', 'a: b', '{a}', '%', '@x', '=']\n"
        "unicode: [é, 日本, \"\\u00e9\", \"\\x07\", 😀]\n"
        "1: int key\n1.5: float key\ntrue: bool key\n'10': text key\na.b: dotted\n'': empty\n",
        "blocks.yaml": "lit: |\n  a\n  b\nfold: >\n  a\n  b\n\n  c\nstrip: |-\n  x\nplain: a\n  b\n  c\n"
        "long: " + "words and " * 30 + "end\nquoted: '" + "it''s " * 40 + "'\nescaped: \"" + "tab\\tw " * 30 + "\"\n",
        "nests.yaml": "a: [[1, [2, {b: 3}]], {}, [], [[]], [{}]]\nb: {c: {d: {}}, e: [f, {g: h, i: [j]}]}\n",
        "anchors.yaml": "a: &x {p: 1, q: 2}\nb: *x\nc:\n  r: 0\n  <<: *x\n  q: 3\nd:\n  <<: [*x, {p: 9, z: 8}]\n",
        "duplicate.yaml": "a: 1\na: 2\n",
        "null_key.yaml": "~: 1\n",
        "two_documents.yaml": "a: 1\n---\nb: 2\n",
        "empty.yaml": "",
        "word.yaml": "lonely\n",
        "number.yaml": "5\n",
        "broken.yaml": "a: [1\n",
        "open_quote.yaml": "a: 'x\n",
        "equals.yaml": "a: =\n",
        "tag.yaml": "a: !!str 10\nb: !!int '3'\nc: !!float 3\n",
        "odd_tag.yaml": "a: !foo 10\n",
        "bad_interpolation.yaml": "a: ${b\n",
    },
    "links": {
        "config.yaml": "x: 20\nzero: 0\nwhich: b\nplans: {a: 1, b: {c: 2}}\nl: [1, 2, 3]\n"
        "plain: ${x}\ntext: v=${x}!\nsub: {same: ${.other}, other: 5, up: ${..x}, deep: {e: ${...x}}}\n"
        "pick: ${plans[${which}]}\nitem: ${l[1]}\nitem2: ${l.2}\ntree: ${plans}\ntypes: ${.l}\n"
        "escaped: \\${x}\nescaped2: \\\\${x}\nenv: ${oc.env:GOLDEN_SET}\nfallback: ${oc.env:GOLDEN_UNSET,5}\n"
        "no_fallback: ${oc.env:GOLDEN_UNSET,null}\ndecoded: ${oc.decode:'[1, 2.5, \"a\", {b: null}]'}\n"
        "selected: ${oc.select:nope,7}\nselected2: ${oc.select:x}\nmade: ${oc.create:{p: '${x}'}}\n"
        "keys: ${oc.dict.keys:plans}\nvalues: ${oc.dict.values:plans}\nmix: ${x}${zero}${l}\n",
        "lost.yaml": "a: {b: ${nope.x}}\n",
        "cycle.yaml": "a: ${b}\nb: ${a}\n",
        "to_missing.yaml": "a: ???\nb: ${a}\n",
        "to_parent.yaml": "a: {b: ${a}}\n",
        "no_env.yaml": "a: ${oc.env:GOLDEN_UNSET}\n",
        "no_resolver.yaml": "a: ${nope:1}\n",
        "through_scalar.yaml": "a: 1\nb: ${a.c}\n",
        "lists.yaml": "a: [1, ${b}, {c: ${b}, d: [${.0}, 4]}]\nb: 2\n",
    },
}

VALUES = r"""abc-123|123abc|a b c| abc |a\,b|\ ab|f\(a\, b\)|c:\foo\a-b.txt|null|NULL|trUe|10_0|1___0___|+1|010|1e-05|3.1_4
.5|5.|-inf|NaN|10abc|0.foo|xyz_${x}|${oc.env:GOLDEN_UNSET,root}|${x},${s}|'10'|'foo \'bar'|'foo\bar'|'foo bar\\'|['a b']
[1 ]|{}|{a:10,b:{c:[1,2]}}|{3.14: 0, white spaces: 2, true: y}|{null: 1}|{'a': 0}|a,10,3.14|"a,b","c,d"|'1,2,3'
choice(a)|range(3)|sort(3,2,1)|sort([2,3,1],reverse=true)|int(10.0)|int('3')|str(10)|str([1,2])|float(3)|bool('true')
bool(yes)|choice()|choice(choice(a,b))|interval(0,1)|foo(1)|int(abc)|[]aa|A[B||' '|""|"a'b"|a\:b|a=b|a:b|[a,[b,[]]]
[a,,b]|{a}|{a:b,}|[a b, c  d]|-|/|???|'???'|${x|${}|'\${x}'|'a ${s} b'|{q: ${x}}|1e400|123456789012345678901234567890
1e16|yes|~|Infinity|'1e5'|'null'|2020-01-01|é|a#b|'# a'|'a: b'|http://a.b/c?d|a@b.c|50%|$HOME|it's|a+b|a*b
'a" b'|'tab	x'|"${d.b.c}"|${.s}|{a b: c, d-e: 1.0}|[1.0,1e3,-0.0]""".replace("\n", "|").split("|")


def cases():
    for value in VALUES:
        yield "plain", "config", [f"+new={value}"]
    for words in (
        ["x=5"], ["x=null"], ["x=[a]"], ["x={a: 1}"], ["d={a: 5}"], ["d={z: 5}"], ["d=7"], ["d=[1]"], ["l={a: 1}"],
        ["l=[9]"], ["l.0=z"], ["l.9=z"], ["l.x=z"], ["l.0={q: 1}"], ["d.b.c=3"], ["d.b.z=3"], ["d.z.y=3"], ["z=1"],
        ["x.y=1"], ["+x=1"], ["+n=1"], ["+m=1"], ["m=1"], ["+d={z: 9}"], ["+l=[7]"], ["+d.z.y=1"], ["+d.b=1"],
        ["++x=1"], ["++q.r.s=1"], ["++d={z: 1}"], ["++x.y=1"], ["~x"], ["~x=20"], ["~x=21"], ["~z"], ["~n"], ["~m"],
        ["~d.b"], ["~d.b.c=2"], ["~d={a: 1, b: {c: 2}}"], ["~l"], ["~l.0"], ["~s=abc"], ["~s="], ["~i=20"],
        ["x="], ["x=1", "x=2"], ["+q=1", "~q"], ["+q=1", "q=2"], ["i=5"], ["+k.z=1"], ["k.a=2"], ["x"], ["=1"],
        ["+=1"], ["x@p=1"], ["g/h=1"], ["a b=1"], ["'x'=1"], ["1=2"], ["$x=1"], ["+$x=1"], ["+a-b=1"], ["+a.0.b=1"],
        ["x[0]=1"], ["x=1,2"], ["x=glob(*)"], ["hydra.run.dir=here"], ["hydra.nope=1"], ["+hydra.job.env_set.A=b"],
    ):
        yield "plain", "config", words
    for name in sorted(FOLDERS["groups"]):
        if "/" not in name:
            yield "groups", name[:-5], []
    yield "groups", "absent", []
    for name, words in (
        ("config", ["db=pg"]), ("config", ["db=oracle"]), ("config", ["dbb=pg"]), ("config", ["db=null"]),
        ("config", ["~db"]), ("config", ["~db=mysql"]), ("config", ["~db=pg"]), ("config", ["~kind"]),
        ("config", ["kind=fast"]), ("config", ["+kind=fast"]), ("config", ["+kind=[fast,slow]"]),
        ("config", ["++kind=fast"]), ("config", ["+db=pg"]), ("config", ["+db@second=pg"]), ("config", ["db@second=pg"]),
        ("config", ["+db@=pg"]), ("config", ["+kind@_global_=slow"]), ("config", ["+kind@db.kind=slow"]),
        ("config", ["db={port: 1}"]), ("config", ["db=[mysql,pg]"]), ("config", ["db=5"]), ("config", ["db="]),
        ("config", ["server/cache=none"]), ("config", ["server.cache.ttl=5"]), ("config", ["server.cache=none"]),
        ("config", ["+site=small"]), ("config", ["+site=small", "~db"]), ("config", ["+site=big", "db=pg"]),
        ("config", ["db.port=1", "db=pg"]), ("config", ["~db.opts", "+db.extra=[1]"]), ("config", ["extra=x"]),
        ("config", ["db=mysql,pg"]), ("must", ["db=pg"]), ("nothing", ["db=pg"]), ("nothing", ["+kind=fast", "~db"]),
        ("several", ["db=pg"]), ("at", ["db@source=pg"]), ("at", ["db@backup.main=mysql"]), ("at", ["db=pg"]),
        ("at", ["~db@source"]), ("at", ["source.port=1"]), ("overriding", ["db=mysql"]), ("nested", ["site=big"]),
        ("nested", ["site=group_pkg"]), ("nested", ["site/net=wan"]), ("nested", ["kind@site.speeds.first=slow"]),
        ("nested", ["db@site.db=mysql"]), ("nested", ["db=mysql"]), ("interpolated", ["kind=slow"]),
        ("interpolated", ["db=pg"]), ("interpolated", ["db=pg", "kind=slow"]), ("by_path", ["~db/pg"]),
        ("self_first", ["db=pg"]), ("late", []),
    ):
        yield "groups", name, words
    for words in (
        [], ["+experiment=wide"], ["+experiment=keep"], ["+experiment=wide", "optim=sgd"],
        ["+experiment=wide", "model.width=1"], ["+experiment=based"], ["+experiment=bad"], ["+experiment=nope"],
        ["experiment=wide"], ["+experiment=[wide,keep]"], ["+experiment=[keep,wide]"], ["+header=odd"],
        ["+header@p=odd"], ["+header@_global_=odd"], ["+header=many"], ["+header=late"], ["model=large", "seed=2"],
        ["model@m2=large"], ["+model@m2=large", "m2.width=3"], ["model.block.depth=3", "~optim.momentum"],
        ["optim=adam", "optim.betas=[0.5,0.6]"], ["run='${model.width}'"], ["+tags=[a,'b c',{d: 1}]"],
        ["optim.lr=1e-4", "+optim.sched={name: cos, steps: [1,2]}"],
    ):
        yield "experiments", "config", words
    for folder in ("scalars", "links"):
        for name in sorted(FOLDERS[folder]):
            yield folder, name[:-5], []
    yield "links", "config", ["x=7", "which=a"]
    yield "links", "config", ["+more='${sub.deep}'", "plain='${l}'"]
    yield "links", "config", ["~x"]


def answer(folder, name, words):
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=folder, version_base=None):
            config = compose(config_name=name, overrides=words)
    except BaseException as error:
        # Only what was asked for decides here; the text of a grammar's or a YAML parser's complaint is its own.
        own = type(error).__name__ in ("ConfigCompositionException", "MissingConfigException")
        return {"refused": str(error).strip().split("\n")[0] if own else ""}
    result = {"yaml": OmegaConf.to_yaml(config), "json": json.dumps(OmegaConf.to_container(config), ensure_ascii=False)}
    try:
        result["resolved_yaml"] = OmegaConf.to_yaml(config, resolve=True)
        result["resolved_json"] = json.dumps(OmegaConf.to_container(config, resolve=True), ensure_ascii=False)
    except BaseException:
        result["resolved_yaml"] = result["resolved_json"] = None
    return result


def main():
    out = []
    with tempfile.TemporaryDirectory() as root:
        for folder, files in FOLDERS.items():
            for name, text in files.items():
                path = os.path.join(root, folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
        for folder, name, words in cases():
            case = {"folder": folder, "config": name, "overrides": words}
            case.update(answer(os.path.join(root, folder), name, words))
            out.append(case)
    with open(os.path.join(HERE, "cases.json"), "w", encoding="utf-8") as file:
        json.dump({"folders": FOLDERS, "cases": out}, file, ensure_ascii=False, indent=1)
        file.write("\n")
    print(len(out), "cases,", sum("refused" in c for c in out), "of them refusals")


if __name__ == "__main__":
    main()
