"""Files of torch.save: a state dict with every type and odd strides, and files that must be refused.

    python -m venv v && v/bin/pip install torch==2.11.0 safetensors numpy && v/bin/python make_torch_files.py
"""

import collections
import os
import pathlib

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent / "torch_files"
OUT.mkdir(exist_ok=True)
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
state = collections.OrderedDict(
    plain=torch.arange(6, dtype=torch.float32).reshape(2, 3), transposed=base.t(), window=base[1:3, 2:5], column=base[:, 1],
    parameter=torch.nn.Parameter(torch.tensor([1.5, -2.5])), half=torch.tensor([0.5, -1.5], dtype=torch.half),
    bfloat=torch.tensor([[3.0, 1e30]], dtype=torch.bfloat16), double=torch.tensor(2.25, dtype=torch.double),
    ids=torch.tensor([1, -2, 2**40]), int=torch.tensor([70000], dtype=torch.int), short=torch.tensor([-300], dtype=torch.short),
    small=torch.tensor([-3], dtype=torch.int8), bytes=torch.tensor([0, 255], dtype=torch.uint8), flags=torch.tensor([True, False]),
    empty=torch.zeros(0, 4))
state._metadata = {"": {"version": 1}}
torch.save(state, OUT / "state.bin")
save_file({k: v.detach().contiguous().clone() for k, v in state.items()}, OUT / "state.safetensors")


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


torch.save({"weight": torch.ones(2), "other": Evil()}, OUT / "evil.bin")
torch.save({"weight": torch.ones(2)}, OUT / "legacy.bin", _use_new_zipfile_serialization=False)
torch.save([torch.ones(2)], OUT / "list.bin")
