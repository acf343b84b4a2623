"""What bitsandbytes makes of small matrices with quant_type="nf4", blocksize 64 and double quantisation.

    python -m venv v && v/bin/pip install torch==2.11.0 bitsandbytes==0.50.2 numpy safetensors && v/bin/python make_nf4.py

nf4.safetensors holds, for each case: weight, codes (packed), absmax, scales (of double quantisation), groups, mean,
and the dequantised values in float32, which rounded are those in bfloat16.

bitsandbytes' operations come in several implementations. Used here is the portable one in torch operations, whose
arithmetic is that of the CUDA kernels. The native CPU library looks scales up in a table of 65,536 bins in place of the
nearest of 256 values, and on AVX-512 takes scales of the wrong blocks for rows that are not whole blocks. Where it should
agree, it is held against the portable one.
"""

import os
import pathlib

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # the portable operations as they are written

import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
PORTABLE = torch._C.DispatchKeySet(torch._C.DispatchKey.CompositeExplicitAutograd)
LIBRARY = torch.library.Library("bitsandbytes", "IMPL")


def use_portable():
    """From now on tensors on the CPU meet the portable implementations."""
    for name in ["quantize_4bit", "dequantize_4bit", "quantize_blockwise", "dequantize_blockwise"]:
        op = getattr(torch.ops.bitsandbytes, name).default
        LIBRARY.impl(name, lambda *given, op=op: op.redispatch(PORTABLE, *given), "CPU", allow_override=True)


def matrices():
    generator = torch.Generator().manual_seed(5)
    normal = lambda rows, columns: torch.randn(rows, columns, generator=generator) * 0.02
    wide = normal(30, 192)
    wide[3, 70] = 0.9  # an outlier
    zeros = normal(4, 160)
    zeros.view(-1)[64:128] = 0
    return {"float32": wide, "bfloat16": normal(136, 128).bfloat16(), "float16": normal(22, 160).half(),
            "zeros": zeros, "short": normal(3, 50), "odd": normal(3, 43).bfloat16(), "few": normal(2, 40)}


def main():
    torch.set_num_threads(1)
    native = {name: F.quantize_4bit(w, compress_statistics=True, quant_type="nf4") for name, w in matrices().items()}
    values = {name: F.dequantize_4bit(*native[name]) for name in ["float32", "bfloat16"]}  # rows of whole blocks
    use_portable()
    for name, value in values.items():
        assert torch.equal(value, F.dequantize_4bit(*native[name])), name
    out = {}
    for name, weight in matrices().items():
        codes, state = F.quantize_4bit(weight, compress_statistics=True, quant_type="nf4")
        _, plain = F.quantize_4bit(weight, compress_statistics=False, quant_type="nf4")
        assert torch.equal(codes, native[name][0]), name
        other = (state.absmax != native[name][1].absmax).sum().item()
        near = plain.absmax.double().mean().float()
        print(name, tuple(weight.shape), f"{other} of {state.absmax.numel()} scales differ from the CPU library's;",
              "mean", state.offset.item(), "" if near == state.offset else f"is {near.item()} in double precision")
        state.dtype = torch.float32
        values = out[f"{name}.values"] = F.dequantize_4bit(codes, state)
        state.dtype = torch.bfloat16
        assert torch.equal(F.dequantize_4bit(codes, state), values.bfloat16()), name
        out |= {f"{name}.weight": weight, f"{name}.codes": codes.view(-1), f"{name}.absmax": plain.absmax,
                f"{name}.scales": state.absmax, f"{name}.groups": state.state2.absmax,
                f"{name}.mean": state.offset.view(1)}
    save_file({key: value.contiguous() for key, value in out.items()}, HERE / "nf4.safetensors")


main()
