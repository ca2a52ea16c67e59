"""Windows through a decoder in ONNX Runtime for bench/perplexity.ts: windows.py <model.onnx> <length> <windows>.

Only the model runs: what computes losses from its logits is not in the time. The first window does not count.
"""

import json
import os
import re
import sys
import time

import numpy
import onnxruntime

path, length, windows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clock = time.process_time if os.environ.get("CLOCK") == "processor" else time.perf_counter
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("THREADS", "2"))
if os.environ.get("SPIN") != "1":
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
vocabulary = int(next(output.shape[-1] for output in session.get_outputs() if output.name == "logits"))


def feeds(ids):
    values = {
        "input_ids": ids,
        "attention_mask": numpy.ones_like(ids),
        "position_ids": numpy.arange(ids.shape[1], dtype=numpy.int64)[None],
    }
    result = {}
    for node in session.get_inputs():
        if re.match("past_key_values", node.name):
            _, heads, _, size = node.shape
            result[node.name] = numpy.zeros((1, heads, 0, size), numpy.float32)
        else:
            result[node.name] = values[node.name]
    return result


def loss(ids, logits):
    """Mean negative log likelihood of the predicted tokens."""
    rows, targets = logits[0, :-1].astype(numpy.float64), ids[0, 1:]
    largest = rows.max(axis=1)
    normalizers = largest + numpy.log(numpy.exp(rows - largest[:, None]).sum(axis=1))
    return float((normalizers - rows[numpy.arange(len(targets)), targets]).mean())


ids = numpy.array([[7919 * (index + 1) % vocabulary for index in range(length)]], numpy.int64)
times = []
for _ in range(windows + 1):
    start = clock()
    (logits,) = session.run(["logits"], feeds(ids))
    times.append((clock() - start) * 1000)
print(json.dumps({"windowMs": times[1:], "loss": loss(ids, logits)}))
