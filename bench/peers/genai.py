"""Times of onnxruntime-genai for bench/generate.ts: genai.py <model directory> <prompt lengths> <new tokens>."""

import json
import os
import sys
import time

import onnxruntime_genai

directory, lengths, new_tokens = sys.argv[1], [int(n) for n in sys.argv[2].split(",")], int(sys.argv[3])
clock = time.process_time if os.environ.get("CLOCK") == "processor" else time.perf_counter
config = onnxruntime_genai.Config(directory)
threads = {"intra_op_num_threads": int(os.environ.get("THREADS", "2"))}
config.overlay(json.dumps({"model": {"decoder": {"session_options": threads}}}))
model = onnxruntime_genai.Model(config)
with open(f"{directory}/genai_config.json") as file:
    vocabulary = json.load(file)["model"]["vocab_size"]


def measure(length):
    params = onnxruntime_genai.GeneratorParams(model)
    total = length + new_tokens
    params.set_search_options(max_length=total, min_length=total, do_sample=False)
    generator = onnxruntime_genai.Generator(model, params)
    start = clock()
    generator.append_tokens([7919 * (index + 1) % vocabulary for index in range(length)])
    generator.generate_next_token()
    first = clock()
    for _ in range(new_tokens - 1):
        generator.generate_next_token()
    end = clock()
    return {
        "promptLength": length,
        "prefillMs": (first - start) * 1000,
        "msPerToken": (end - first) * 1000 / (new_tokens - 1),
    }


for length in lengths:
    measure(length)
    print(json.dumps(measure(length)), flush=True)
