"""One quantizer of onnxruntime on one model: `python quantize-peer.py NAME MODEL OUTPUT`. Prints processor time and memory as JSON."""

import json
import logging
import resource
import sys

import onnx

name, model, output = sys.argv[1:]
logging.disable(logging.WARNING)

if name.startswith("quantize_dynamic"):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        model,
        output,
        op_types_to_quantize=["MatMul"],
        per_channel=name.endswith("per_channel"),
        weight_type=QuantType.QInt8,
        nodes_to_exclude=["lm_head"],
        use_external_data_format=True,
        # Its shape inference does not know all operators of the model.
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
else:
    from onnxruntime.quantization import matmul_nbits_quantizer as nbits

    float_model = onnx.load(model)
    if name == "k_quant":
        config = nbits.KQuantWeightOnlyQuantConfig()
        quantizer = nbits.MatMulNBitsQuantizer(
            float_model, block_size=32, algo_config=config, nodes_to_exclude=["lm_head"]
        )
    else:
        quantizer = nbits.MatMulNBitsQuantizer(
            float_model, block_size=32, is_symmetric=True, nodes_to_exclude=["lm_head"]
        )
    quantizer.process()
    quantizer.model.save_model_to_file(output, use_external_data_format=True)

usage = resource.getrusage(resource.RUSAGE_SELF)
# Some write progress without ending their line.
print()
print(json.dumps({"cpuMs": (usage.ru_utime + usage.ru_stime) * 1000, "peakRssMiB": usage.ru_maxrss / 1024}))
