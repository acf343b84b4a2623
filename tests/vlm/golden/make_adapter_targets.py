"""Which modules PEFT gives a branch, for configurations of every kind.

    python -m venv v && v/bin/pip install peft==0.21.2
    v/bin/python make_adapter_targets.py

adapter_targets.json: a list of {config, targets: {module: bool}} with the members of adapter_config.json that decide.
"""
import json
import pathlib
import types

from peft.tuners.tuners_utils import check_target_module_exists

MODULES = ["lm_head", "q_proj", "model.language_model.layers.0.self_attn.q_proj", "model.language_model.layers.1.self_attn.q_proj",
           "model.language_model.layers.1.self_attn.xq_proj", "model.language_model.layers.11.mlp.gate_proj",
           "model.vision_tower.vision_model.encoder.layers.1.self_attn.q_proj", "model.multi_modal_projector.linear_1",
           "model.visual.blocks.1.attn.qkv", "layers.1.q_proj", "1.q_proj", "a.layers.1.experts.0.q_proj", "a.b.1x.2.q_proj"]
CONFIGS = [
    {"target_modules": ["q_proj"]},
    {"target_modules": ["self_attn.q_proj", "linear_1", "lm_head"]},
    {"target_modules": ["q.proj"]},
    {"target_modules": r".*language_model.*\.(q|gate)_proj"},
    {"target_modules": r"q_proj"},
    {"target_modules": ["q_proj"], "exclude_modules": r".*vision_tower\..*"},
    {"target_modules": ["q_proj"], "exclude_modules": ["layers.1.self_attn.q_proj", "q.proj"]},
    {"target_modules": ["q_proj", "gate_proj"], "exclude_modules": []},
    {"target_modules": ["q_proj", "gate_proj"], "layers_to_transform": [1]},
    {"target_modules": ["q_proj", "gate_proj"], "layers_to_transform": 11},
    {"target_modules": ["q_proj", "gate_proj"], "layers_to_transform": []},
    {"target_modules": ["q_proj", "qkv"], "layers_to_transform": [1, 2], "layers_pattern": "layers"},
    {"target_modules": ["q_proj", "qkv"], "layers_to_transform": [1], "layers_pattern": ["h", "blocks"]},
    {"target_modules": ["layers.1.q_proj"], "layers_to_transform": [0]},
    {"target_modules": r".*q_proj", "layers_to_transform": [0]},
]
OUT = pathlib.Path(__file__).parent / "adapter_targets.json"


def main():
    cases = []
    for config in CONFIGS:
        options = types.SimpleNamespace(**{"exclude_modules": None, "modules_to_save": None, "target_parameters": None,
                                           "layers_to_transform": None, "layers_pattern": None, **config})
        cases.append({"config": config, "targets": {name: bool(check_target_module_exists(options, name)) for name in MODULES}})
    OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
