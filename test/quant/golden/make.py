"""Makes the JSON files beside it from the original implementations.

    python make.py onnxruntime   # needs onnx, onnx_ir, onnxruntime: int8-onnxruntime.json, nbits.json, graphs.json
    python make.py groups        # needs the same: nbits-2-8.json, k-quant.json
    python make.py torch         # needs torch, numpy: int8-torch.json, smoothquant.json

Inputs are made by `generate`, which test/quant/golden/generate.ts repeats; of the results the files keep the sha256 of
the bytes (little endian; codes, scales, zero points, one after the other). Run it again only to follow a new version of the original,
and format the files afterwards (npm run format).
"""

import hashlib
import json
import logging
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def generate(kind, rows, columns, seed, size=1.0):
    """[rows, columns] float32 values from a linear congruential generator (Numerical Recipes' constants, mod 2**32).

    uniform: multiples of 2**-23 in [-1, 1), times size (a power of two)
    outliers: uniform, every 37th value 16 times as large
    halves: multiples of 0.5 from -size to size; rows 0 and 1 of every 16 are size and -size (ties, if size is apt)
    nearTies: halves times 0.3, so that the last bit of each step decides where a value goes
    negative, constant, zeros: -|uniform|, size everywhere, 0 everywhere
    """
    values = np.zeros(rows * columns, np.float64)
    state = seed
    for index in range(values.size):
        state = (state * 1664525 + 1013904223) % 2**32
        draw = state >> 8
        uniform = draw / 2**23 - 1
        if kind == "uniform":
            values[index] = uniform * size
        elif kind == "outliers":
            values[index] = uniform * size * (16 if index % 37 == 0 else 1)
        elif kind == "negative":
            values[index] = -abs(uniform) * size
        elif kind == "constant":
            values[index] = size
        elif kind in ("halves", "nearTies"):
            row = index // columns % 16
            span = int(4 * size) + 1
            half = size if row == 0 else -size if row == 1 else (draw % span) / 2 - size
            values[index] = half * 0.3 if kind == "nearTies" else half
    return values.astype(np.float32).reshape(rows, columns)


def sha256(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


def write(name, version, cases):
    """One case a line."""
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    with open(os.path.join(HERE, name), "w") as file:
        file.write(f'{{\n  "madeWith": "{version}",\n  "cases": [\n{lines}\n  ]\n}}\n')


def matrices(ties):
    shapes = [(1, 1), (7, 5), (33, 17), (64, 48)]
    for index, (rows, columns) in enumerate(shapes):
        for kind, size in [("uniform", 1.0), ("outliers", 2.0**-6), ("negative", 1.0), ("halves", ties), ("nearTies", ties)]:
            yield dict(kind=kind, rows=rows, columns=columns, seed=index + 1, size=size)
    for kind, size in [("zeros", 1.0), ("constant", 0.75), ("uniform", 2.0**-20), ("uniform", 2.0**-130), ("uniform", 2.0**100)]:
        yield dict(kind=kind, rows=40, columns=6, seed=99, size=size)


def make_torch():
    import torch
    from torch.ao.quantization.observer import MinMaxObserver, PerChannelMinMaxObserver

    version = f"torch {torch.__version__}"
    cases = []
    for spec in matrices(ties=127.5):
        weight = torch.from_numpy(generate(**spec).T.copy())  # torch keeps [N, K]
        observer = MinMaxObserver(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)
        observer(weight)
        scale, zero_point = observer.calculate_qparams()
        codes = torch.quantize_per_tensor(weight, float(scale), int(zero_point), torch.qint8).int_repr()
        cases.append(dict(matrix=spec, granularity="tensor", sha256=sha256(codes.numpy().T, scale.numpy())))
        observer = PerChannelMinMaxObserver(ch_axis=0, dtype=torch.qint8, qscheme=torch.per_channel_symmetric)
        observer(weight)
        scale, zero_point = observer.calculate_qparams()
        codes = torch.quantize_per_channel(weight, scale.double(), zero_point, 0, torch.qint8).int_repr()
        cases.append(dict(matrix=spec, granularity="channel", sha256=sha256(codes.numpy().T, scale.numpy())))
    write("int8-torch.json", version, cases)

    cases = []
    for alpha in (0.0, 0.25, 0.5, 0.85, 1.0):
        specs = [dict(kind="outliers", rows=24, columns=9, seed=seed, size=1.0) for seed in (1, 2)]
        activation = np.abs(generate("outliers", 24, 1, 3, 8.0)).ravel()
        activation[[4, 11]] = 0
        weights = [torch.from_numpy(generate(**spec).T.copy()) for spec in specs]
        for weight in weights:
            weight[:, 7] = 0
        largest = torch.cat([weight.abs().max(dim=0, keepdim=True)[0] for weight in weights]).max(dim=0)[0].clamp(min=1e-5)
        scales = (torch.from_numpy(activation).pow(alpha) / largest.pow(1 - alpha)).clamp(min=1e-5)
        cases.append(dict(alpha=alpha, activation=activation.tolist(), matrices=specs, zeroRow=7, scales=scales.tolist()))
    write("smoothquant.json", version, cases)


def matmul_model(weight):
    from onnx import TensorProto, helper, numpy_helper

    rows, columns = weight.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "node")],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", columns])],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def quantize_dynamically(model, per_channel):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "model.onnx")
        quantize_dynamic(
            model, path, op_types_to_quantize=["MatMul"], per_channel=per_channel, weight_type=QuantType.QInt8
        )
        return onnx.load(path)


def quantize_to_4_bits(model, block, symmetric, accuracy_level=None):
    return quantize_to_bits(model, 4, block, symmetric, accuracy_level)


def quantize_to_bits(model, bits, block, symmetric, accuracy_level=None):
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(
        model, bits=bits, block_size=block, is_symmetric=symmetric, accuracy_level=accuracy_level
    )
    quantizer.process()
    return quantizer.model.model


def initializers(model):
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def describe_nodes(model):
    from onnx import helper

    return [
        dict(
            opType=node.op_type,
            domain=node.domain,
            name=node.name,
            inputs=list(node.input),
            outputs=list(node.output),
            attributes={attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute},
        )
        for node in model.graph.node
    ]


def describe_initializers(model):
    from onnx import TensorProto

    return [
        dict(name=tensor.name, type=TensorProto.DataType.Name(tensor.data_type), dims=list(tensor.dims))
        for tensor in model.graph.initializer
    ]


def shared_model():
    """Two MatMuls that share an activation, one more without a node name."""
    from onnx import TensorProto, helper, numpy_helper

    def weight(name, rows, columns):
        return numpy_helper.from_array(generate("uniform", rows, columns, 1), name)

    return helper.make_model(
        helper.make_graph(
            [
                helper.make_node("MatMul", ["x", "q.weight"], ["q"], "attention.q"),
                helper.make_node("MatMul", ["x", "k.weight"], ["k"], "attention.k"),
                helper.make_node("MatMul", ["q", "o.weight"], ["y"], ""),
            ],
            "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("k", "y")],
            [weight("q.weight", 4, 4), weight("k.weight", 4, 4), weight("o.weight", 4, 4)],
        ),
        opset_imports=[helper.make_opsetid("", 21)],
    )


def make_onnxruntime():
    import onnxruntime

    logging.disable(logging.WARNING)
    version = f"onnxruntime {onnxruntime.__version__}"
    cases = []
    for spec in matrices(ties=127.0):
        for per_channel in (False, True):
            found = initializers(quantize_dynamically(matmul_model(generate(**spec)), per_channel))
            assert not found["w_zero_point"].any()
            granularity = "channel" if per_channel else "tensor"
            cases.append(dict(matrix=spec, granularity=granularity, sha256=sha256(found["w_quantized"], found["w_scale"])))
    write("int8-onnxruntime.json", version, cases)

    cases = []
    kinds = [("uniform", 1.0), ("outliers", 2.0**-6), ("negative", 1.0), ("halves", 8.0), ("halves", 7.5)]
    specs = [
        (dict(kind=kind, rows=rows, columns=5, seed=rows, size=size), block)
        for block, heights in [(16, (1, 17, 33, 48)), (32, (5, 32, 33, 39, 96)), (64, (65, 192)), (128, (130, 256)), (256, (257, 300))]
        for rows in heights
        for kind, size in kinds
    ]
    edges = [("nearTies", 8.0), ("nearTies", 7.5), ("nearTies", 5.5), ("zeros", 1.0), ("constant", 0.75), ("constant", -0.75), ("uniform", 2.0**-130), ("uniform", 2.0**-146), ("uniform", 2.0**100)]
    specs += [(dict(kind=kind, rows=40, columns=96, seed=99, size=size), 32) for kind, size in edges]
    for spec, block in specs:
        for symmetric in (True, False):
            found = initializers(quantize_to_4_bits(matmul_model(generate(**spec)), block, symmetric))
            names = ("w_Q4", "w_scales") if symmetric else ("w_Q4", "w_scales", "w_zero_points")
            digest = sha256(*(found[name] for name in names))
            cases.append(dict(matrix=spec, block=block, symmetric=symmetric, sha256=digest))
    write("nbits.json", version, cases)

    cases = []
    for name, make in {
        "dynamic": lambda: quantize_dynamically(shared_model(), False),
        "dynamicChannel": lambda: quantize_dynamically(shared_model(), True),
        "nbits": lambda: quantize_to_4_bits(shared_model(), 16, True, 4),
        "nbitsAsymmetric": lambda: quantize_to_4_bits(shared_model(), 16, False),
    }.items():
        model = make()
        cases.append(dict(name=name, nodes=describe_nodes(model), initializers=describe_initializers(model)))
    write("graphs.json", version, cases)


def make_groups():
    import onnxruntime
    from onnxruntime.quantization.neural_compressor.weight_only import pad_tensor, quant_tensor_k_quant_cpu

    logging.disable(logging.WARNING)
    version = f"onnxruntime {onnxruntime.__version__}"
    cases = []
    # Last bytes that rows fill in part, in the middle of four blocks and at their beginning: what is left there depends on both.
    parts = [(16, 1), (16, 3), (16, 42), (16, 65), (16, 67), (32, 70), (32, 129), (64, 131), (64, 257), (128, 5)]
    incomplete = {2: [(16, 44), (32, 72), (64, 132)] + parts, 8: [(16, 41), (32, 70), (64, 130)]}
    for bits in (2, 8):
        whole = [(16, 48), (32, 96), (64, 192), (128, 256), (256, 512)]
        for block, rows in whole + incomplete[bits] + [(128, 300), (256, 300)]:
            for kind, size in [("uniform", 1.0), ("outliers", 2.0**-6), ("negative", 1.0), ("nearTies", 7.5), ("zeros", 1.0)]:
                spec = dict(kind=kind, rows=rows, columns=6, seed=rows, size=size)
                for symmetric in (True, False):
                    found = initializers(quantize_to_bits(matmul_model(generate(**spec)), bits, block, symmetric))
                    names = (f"w_Q{bits}", "w_scales") if symmetric else (f"w_Q{bits}", "w_scales", "w_zero_points")
                    digest = sha256(*(found[name] for name in names))
                    cases.append(dict(matrix=spec, bits=bits, block=block, symmetric=symmetric, sha256=digest))
    write("nbits-2-8.json", version, cases)

    cases = []
    for bits in (4, 8):
        for block, rows in [(16, 48), (16, 41), (32, 96), (32, 70), (64, 192), (64, 130), (128, 256), (256, 300)]:
            for kind, size in [("uniform", 1.0), ("outliers", 2.0**-6), ("negative", 1.0), ("nearTies", 7.5), ("constant", 0.75)]:
                spec = dict(kind=kind, rows=rows, columns=6, seed=rows, size=size)
                blocks = (rows - 1) // block + 1
                padded = pad_tensor(generate(**spec), block, blocks)
                codes, scales, zero_points = quant_tensor_k_quant_cpu(padded.T, bits, block)
                codes = codes.astype(np.uint8)
                packed = codes if bits == 8 else codes[:, ::2] | codes[:, 1::2] << 4
                digest = sha256(packed, scales.astype(np.float32), zero_points)
                cases.append(dict(matrix=spec, bits=bits, block=block, sha256=digest))
    write("k-quant.json", version, cases)


if __name__ == "__main__":
    {"onnxruntime": make_onnxruntime, "torch": make_torch, "groups": make_groups}[sys.argv[1]]()
