"""Writes reference.safetensors with Hugging Face's writer: pip install safetensors numpy && python make_safetensors.py"""
import pathlib

import numpy as np
from safetensors.numpy import save_file

save_file({
    "b.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
    "a.ids": np.array([1, -2, 3], dtype=np.int64),
    "z.half": np.array([[0.5], [-1.5]], dtype=np.float16),
    "c.double": np.array(2.25, dtype=np.float64),
    "d.bytes": np.array([0, 255, 7], dtype=np.uint8),
    "e.flags": np.array([True, False], dtype=np.bool_),
    "f.empty": np.zeros((0, 4), dtype=np.float32),
    "g.small": np.array([-3], dtype=np.int8),
    "h.int": np.array([70000], dtype=np.int32),
    "i.short": np.array([-300], dtype=np.int16),
}, pathlib.Path(__file__).parent / "reference.safetensors", metadata={"format": "pt"})
