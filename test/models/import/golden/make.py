"""
Makes the exported graphs of small models: those of ../../golden/make.py, with the same weights, by optimum and by the
model builder of onnxruntime-genai.

    pip install torch "transformers<4.58" optimum-onnx onnxruntime && python make.py optimum|merged [CASE...]
    pip install torch "transformers>=5" onnxruntime-genai && python make.py genai [CASE...]

Weights are not stored: they become external data of the file `weights.data`, and `<case>.json` says which tensor of the
checkpoint each of them is, so that the test writes the file from their names. Graphs are compressed with gzip.
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


def make_genai(name):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    case = GENAI[name]
    with tempfile.TemporaryDirectory() as directory:
        model = build(case)
        model.save_pretrained(directory + "/model")
        PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE())).save_pretrained(directory + "/model")
        folders = ["-m", "model", "-i", "model", "-o", "onnx", "-c", "cache"]
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", *folders, "-p", "fp32", "-e", "cpu"]
        subprocess.run(builder, cwd=directory, check=True, capture_output=True)
        store(name, case, "genai", directory + "/onnx/model.onnx", model)


MAKERS = {"optimum": (OPTIMUM, make_optimum), "merged": (MERGED, make_merged), "genai": (GENAI, make_genai)}
which, *names = sys.argv[1:]
cases, make = MAKERS[which]
for name in names or cases:
    try:
        make(name)
    except Exception as error:
        print(name, "FAILED", type(error), str(error)[:300])
