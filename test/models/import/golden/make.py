"""
Makes the exported graphs of small models: those of ../../golden/make.py, with the same weights, by optimum and by the
model builder of onnxruntime-genai.

    pip install torch "transformers<4.58" optimum-onnx onnxruntime && python make.py optimum|merged [CASE...]
    pip install torch "transformers>=5" onnxruntime-genai && python make.py genai|quantized [CASE...]

Weights are not stored: they become external data of the file `weights.data`, and `<case>.json` says which tensor of the
checkpoint each of them is, so that the test writes the file from their names. Graphs are compressed with gzip. Quantized
ones, made of these by ONNX Runtime's quantizers or by the model builder, are in the folder `quantized` with their weights.
"""

import gzip
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.external_data_helper import set_external_data
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
specification = importlib.util.spec_from_file_location("golden", HERE.parent.parent / "golden" / "make.py")
golden = importlib.util.module_from_spec(specification)
specification.loader.exec_module(golden)

# name: (case of ../../golden/make.py, task)
OPTIMUM = {
    "opt": ("opt", "text-generation"),
    "opt-past": ("opt", "text-generation-with-past"),
    "opt-projection-past": ("opt-projection", "text-generation-with-past"),
    "llama": ("llama", "text-generation"),
    "llama-past": ("llama-gqa-tied", "text-generation-with-past"),
    "llama3-past": ("llama-rope-llama3", "text-generation-with-past"),
    "mistral-past": ("mistral", "text-generation-with-past"),
    "qwen2-past": ("qwen2", "text-generation-with-past"),
    "qwen3-past": ("qwen3-bias", "text-generation-with-past"),
    "gpt2-past": ("gpt2", "text-generation-with-past"),
    "phi3-past": ("phi3", "text-generation-with-past"),
    "gemma2-past": ("gemma2-uncapped", "text-generation-with-past"),
}
MERGED = {
    "opt-merged": "opt",
    "llama-merged": "llama-gqa-tied",
}
GENAI = {
    "llama-genai": "llama",
    "qwen2-genai": "qwen2",
    "qwen3-genai": "qwen3-bias",
}


def build(case):
    fields = golden.CASES[case][0]
    config = golden.config_of(fields)
    model = AutoModelForCausalLM.from_config(config).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(golden.weight(name, tuple(parameter.shape)))
    return model


def same_parameter(array, parameters):
    for name, value in parameters:
        for transposed in (False, True):
            candidate = value.T if transposed else value
            if candidate.shape == array.shape and np.array_equal(candidate, array):
                return {"tensor": name, "transposed": transposed}
    return None


def store(name, case, kind, path, model):
    graph = onnx.load(path)
    parameters = [(key, value.detach().numpy()) for key, value in model.named_parameters()]
    weights = []
    offset = 0
    for tensor in graph.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        found = same_parameter(array, parameters) if array.size >= 16 else None
        if found is None:
            continue
        set_external_data(tensor, "weights.data", offset, array.nbytes)
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        weights.append({**found, "offset": offset, "dims": list(array.shape)})
        offset += array.nbytes
    (HERE / f"{name}.onnx.gz").write_bytes(gzip.compress(graph.SerializeToString(), 9, mtime=0))
    description = {"golden": case, "kind": kind, "weights": weights}
    genai = Path(path).parent / "genai_config.json"
    if genai.exists():
        description["genai"] = json.loads(genai.read_text())
    (HERE / f"{name}.json").write_text(json.dumps(description))
    print(name, (HERE / f"{name}.onnx.gz").stat().st_size, len(weights))


def make_optimum(name):
    from optimum.exporters.onnx import main_export

    case, task = OPTIMUM[name]
    with tempfile.TemporaryDirectory() as directory:
        model = build(case)
        model.save_pretrained(directory + "/model")
        folders = [directory + "/model", directory + "/onnx"]
        main_export(*folders, task=task, do_validation=False, no_post_process=True)
        store(name, case, task, directory + "/onnx/model.onnx", model)


def make_merged(name):
    """As optimum did until 1.14, and as most graphs on the hub are: an If between a graph without past and one with."""
    from optimum.exporters.onnx import export
    from optimum.exporters.onnx.model_configs import LlamaOnnxConfig, OPTOnnxConfig
    from optimum.onnx.graph_transformations import merge_decoders

    case = MERGED[name]
    with tempfile.TemporaryDirectory() as directory:
        model = build(case)
        kind = OPTOnnxConfig if case == "opt" else LlamaOnnxConfig
        paths = [Path(directory) / "decoder_model.onnx", Path(directory) / "decoder_with_past_model.onnx"]
        for path, has_past in zip(paths, (False, True)):
            config = kind(model.config, task="text-generation", use_past=True, use_past_in_inputs=has_past)
            export(model, config, path)
        merge_decoders(*paths, save_path=directory + "/model.onnx")
        store(name, case, "merged", directory + "/model.onnx", model)


def build_genai(case, directory, precision):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    model = build(case)
    model.save_pretrained(directory + "/model")
    PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE())).save_pretrained(directory + "/model")
    folders = ["-m", "model", "-i", "model", "-o", "onnx", "-c", "cache"]
    builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", *folders, "-p", precision, "-e", "cpu"]
    subprocess.run(builder, cwd=directory, check=True, capture_output=True)
    return directory + "/onnx/model.onnx"


def make_genai(name):
    with tempfile.TemporaryDirectory() as directory:
        store(name, GENAI[name], "genai", build_genai(GENAI[name], directory, "fp32"), build(GENAI[name]))


def restore(name, directory):
    """The exported graph of a case, with its weights beside it."""
    description = json.loads((HERE / f"{name}.json").read_text())
    with open(f"{directory}/weights.data", "wb") as file:
        for stored in description["weights"]:
            dims = stored["dims"][:: -1 if stored["transposed"] else 1]
            array = golden.weight(stored["tensor"], tuple(dims)).numpy()
            file.write((array.T if stored["transposed"] else array).tobytes())
    path = f"{directory}/model.onnx"
    Path(path).write_bytes(gzip.decompress((HERE / f"{name}.onnx.gz").read_bytes()))
    return path, description["golden"]


def by_nbits(source, target, **options):
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    config = DefaultWeightOnlyQuantConfig(block_size=32, **options)
    quantizer = MatMulNBitsQuantizer(onnx.load(source), algo_config=config)
    quantizer.process()
    onnx.save(quantizer.model.model, target)


def by_dynamic(source, target, **options):
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(source, target, **options)


class Texts:
    """Random texts of 12 tokens, for a model without anything before them."""

    def __init__(self, path):
        inputs = onnx.load(path, load_external_data=False).graph.input
        self.feeds = []
        for seed in range(4):
            ids = np.random.default_rng(seed).integers(0, golden.VOCABULARY, (1, 12))
            known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": np.arange(12)[None]}
            self.feeds.append({i.name: known[i.name] if i.name in known else self.cache(i) for i in inputs})

    def cache(self, value):
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        return np.zeros((1, dims[1], 0, dims[3]), np.float32)

    def get_next(self):
        return self.feeds.pop() if self.feeds else None


def by_static(source, target):
    """Linear layers alone: products of attention are no modules."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    nodes = onnx.load(source, load_external_data=False).graph.node
    others = [node.name for node in nodes if node.op_type == "MatMul" and not node.name.split("/")[-2].endswith(("proj", "lm_head"))]
    types = {"weight_type": QuantType.QInt8, "activation_type": QuantType.QInt8}
    options = {"quant_format": QuantFormat.QDQ, "per_channel": True, "op_types_to_quantize": ["MatMul"], **types}
    quantize_static(source, target, Texts(source), nodes_to_exclude=others, **options)


QUANTIZED = {
    "llama-nbits": ("llama-past", lambda *paths: by_nbits(*paths, is_symmetric=False, accuracy_level=4)),
    "llama-nbits-qdq": ("llama-past", lambda *paths: by_nbits(*paths, is_symmetric=True, quant_format=qdq())),
    "opt-dynamic": ("opt-past", lambda *paths: by_dynamic(*paths, per_channel=True)),
    "llama-static": ("llama-past", by_static),
}


def qdq():
    from onnxruntime.quantization import QuantFormat

    return QuantFormat.QDQ


QUANTIZED_GENAI = {"qwen2-genai-int4": "qwen2"}


def make_quantized(name):
    with tempfile.TemporaryDirectory() as directory:
        if name in QUANTIZED_GENAI:
            case = QUANTIZED_GENAI[name]
            target = build_genai(case, directory, "int4")
        else:
            exported, quantizer = QUANTIZED[name]
            source, case = restore(exported, directory)
            target = directory + "/quantized.onnx"
            quantizer(source, target)
        content = onnx.load(target).SerializeToString()
        (HERE / "quantized" / f"{name}.onnx.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        description = {"golden": case}
        genai = Path(target).parent / "genai_config.json"
        if genai.exists():
            description["genai"] = json.loads(genai.read_text())
        (HERE / "quantized" / f"{name}.json").write_text(json.dumps(description))
        print(name, len(content))


MAKERS = {
    "optimum": (OPTIMUM, make_optimum),
    "merged": (MERGED, make_merged),
    "genai": (GENAI, make_genai),
    "quantized": ({**QUANTIZED, **QUANTIZED_GENAI}, make_quantized),
}
which, *names = sys.argv[1:]
cases, make = MAKERS[which]
for name in names or cases:
    try:
        make(name)
    except Exception as error:
        print(name, "FAILED", type(error), str(error)[:300])
