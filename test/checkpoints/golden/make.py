"""Makes the files of this folder: `pip install torch==2.13.0 gguf==0.19.0 && python make.py`.

- *.bin: what torch.save writes, with the tensors of `state_dict` (expected values are in ../torch.test.ts)
- llm-awq.bin: what llm-awq dumps of a search, for the model of ../../support/tiny-opt.ts
- float8.json: all 256 values of the 8-bit floats as float32, base64; NaN where there is none
- ggml-blocks.json: random blocks of every quantized type of GGUF and what gguf-py makes of them, all base64
"""

import base64
import collections
import json
import os
import pathlib

import gguf
import numpy as np
import torch

here = pathlib.Path(__file__).parent


def state_dict():
    tensors = collections.OrderedDict()
    tensors["matrix"] = torch.arange(6.0).reshape(2, 3)
    tensors["transposed"] = tensors["matrix"].t()
    tensors["corner"] = tensors["matrix"][1:, 1:]
    tensors["channels_last"] = torch.arange(8.0).reshape(1, 2, 2, 2).to(memory_format=torch.channels_last)
    tensors["half"] = torch.tensor([1.0, -0.5], dtype=torch.float16)
    tensors["brain"] = torch.tensor([1.0, -3.140625], dtype=torch.bfloat16)
    tensors["double"] = torch.tensor(0.1, dtype=torch.float64)
    tensors["eighth"] = torch.tensor([448.0, -0.001953125]).to(torch.float8_e4m3fn)
    tensors["parameter"] = torch.nn.Parameter(torch.tensor([7.0]))
    tensors["count"] = torch.tensor([3])
    tensors["none"] = torch.zeros(0, 3)
    return tensors


def llm_awq_result():
    layer = "model.decoder.layers.0"
    factors = lambda count: torch.linspace(0.5, 2.0, count)
    return {
        "scale": [
            (
                f"{layer}.self_attn_layer_norm",
                tuple(f"{layer}.self_attn.{name}_proj" for name in "qkv"),
                factors(16),
            ),
            (f"{layer}.self_attn.v_proj", (f"{layer}.self_attn.out_proj",), factors(16).flip(0).half()),
            (f"{layer}.fc1", (f"{layer}.fc2",), factors(32)),
        ],
        "clip": [
            (f"{layer}.self_attn.v_proj", torch.full((16, 2, 1), 0.25)),
            (f"{layer}.fc2", torch.linspace(0.05, 0.2, 16).reshape(16, 1, 1).half()),
        ],
    }


class Evil:
    def __reduce__(self):
        return os.system, ("touch quern-was-here",)


torch.save(state_dict(), here / "zip.bin")
torch.save(state_dict(), here / "legacy.bin", _use_new_zipfile_serialization=False)
torch.save({"step": 3, "rate": 1e-4, "state_dict": torch.nn.Linear(2, 1).requires_grad_(False).state_dict()}, here / "trainer.bin")
torch.save({"weight": torch.zeros(2), "code": Evil()}, here / "evil.bin")
torch.save({"weight": torch.zeros(2), "code": Evil()}, here / "evil-legacy.bin", _use_new_zipfile_serialization=False)
torch.save({"weight": torch.zeros(1).expand(3)}, here / "expanded.bin")
torch.save(torch.nn.Linear(2, 1), here / "module.bin")
torch.save(llm_awq_result(), here / "llm-awq.bin")

float8 = {}
for name in ["e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu"]:
    values = torch.arange(256, dtype=torch.uint8).view(getattr(torch, f"float8_{name}")).to(torch.float32)
    float8[name] = base64.b64encode(values.numpy().astype("<f4").tobytes()).decode()
(here / "float8.json").write_text(json.dumps(float8, indent=2) + "\n")

random = np.random.default_rng(5)
halves = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
blocks = {}
for name, positions in halves.items():
    kind = gguf.GGMLQuantizationType[name]
    _, size = gguf.GGML_QUANT_SIZES[kind]
    data = random.integers(0, 256, (3, size), dtype=np.uint8)
    for position in positions:
        scales = random.normal(0, 0.05, 3).astype(np.float16)
        data[:, position : position + 2] = scales.view(np.uint8).reshape(3, 2)
    values = gguf.quants.dequantize(data, kind).astype("<f4")
    blocks[name.lower()] = {
        "data": base64.b64encode(data.tobytes()).decode(),
        "values": base64.b64encode(values.tobytes()).decode(),
    }
(here / "ggml-blocks.json").write_text(json.dumps(blocks, indent=2) + "\n")
