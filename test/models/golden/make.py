"""
Makes the golden logits of the architectures: small random models of transformers (float32, eager attention, CPU).

    pip install torch transformers numpy
    python test/models/golden/make.py [CASE...] && npx biome check --write test/models/golden

Each file holds the config.json as it was given, the one that transformers saves for it, token ids, and the logits of a
prompt and of further tokens one by one (float32, little endian, base64: [tokens, vocabulary]). The weights are not stored:
`weight` below and test/models/golden-weights.ts make the same ones from the names of the tensors.
Every case names a change of its config (`without`) that has to change the logits, so that no option is tested in vain.
"""

import base64
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
PROMPT_TOKENS = 28
FURTHER_TOKENS = 4
VOCABULARY = 64


def hash_name(name):
    """FNV-1a, 32 bits."""
    state = 2166136261
    for byte in name.encode():
        state = ((state ^ byte) * 16777619) & 0xFFFFFFFF
    return state


def weight(name, dims):
    """A linear congruential generator that starts at the hash of the name; norms are around 1, all else around 0."""
    state = hash_name(name)
    centre = 1.0 if len(dims) == 1 and ("norm" in name or "ln_" in name) and name.endswith("weight") else 0.0
    values = np.empty(math.prod(dims), dtype=np.float32)
    for index in range(values.size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[index] = centre + (state / 2**32 - 0.5) * 0.75
    return torch.from_numpy(values.reshape(dims))


def tokens():
    state = 1
    ids = []
    for _ in range(PROMPT_TOKENS + FURTHER_TOKENS):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        ids.append(state * VOCABULARY >> 32)
    return ids


llama = dict(
    model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=VOCABULARY, hidden_size=32,
    intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, hidden_act="silu",
    max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False,
    bos_token_id=1, eos_token_id=2,
)  # fmt: skip
mistral = {**llama, "model_type": "mistral", "architectures": ["MistralForCausalLM"], "num_key_value_heads": 1,
           "sliding_window": 7}  # fmt: skip
qwen2 = {**llama, "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "num_key_value_heads": 1,
         "rope_theta": 1000000.0, "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": 7,
         "max_window_layers": 1}  # fmt: skip
qwen3 = {**qwen2, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": 24,
         "attention_bias": False, "sliding_window": None}  # fmt: skip
phi3 = {**llama, "model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "num_key_value_heads": 1,
        "sliding_window": 9, "original_max_position_embeddings": 64, "pad_token_id": 0, "resid_pdrop": 0.0,
        "embd_pdrop": 0.0}  # fmt: skip
gemma = {**llama, "model_type": "gemma", "architectures": ["GemmaForCausalLM"], "num_key_value_heads": 1,
         "head_dim": 24, "hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": True}  # fmt: skip
gemma2 = {**gemma, "model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"], "num_hidden_layers": 3,
          "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 20, "sliding_window": 6,
          "attn_logit_softcapping": 3.0, "final_logit_softcapping": 5.0}  # fmt: skip
gpt2 = dict(
    model_type="gpt2", architectures=["GPT2LMHeadModel"], vocab_size=VOCABULARY, n_positions=64, n_ctx=64, n_embd=32,
    n_layer=2, n_head=2, activation_function="gelu_new", layer_norm_epsilon=1e-5, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
opt = dict(
    model_type="opt", architectures=["OPTForCausalLM"], vocab_size=VOCABULARY, hidden_size=32, ffn_dim=48,
    num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64, word_embed_proj_dim=32,
    do_layer_norm_before=True, activation_function="relu", pad_token_id=1, bos_token_id=2, eos_token_id=2,
)  # fmt: skip
llama3_scaling = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                      original_max_position_embeddings=16)  # fmt: skip
short_factor = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0]
longrope_scaling = dict(type="longrope", short_factor=short_factor, long_factor=[9.0] * 8)

# name: (config, change that must matter)
CASES = {
    "llama": (llama, {"rope_theta": 500.0}),
    "llama-gqa-tied": (
        {**llama, "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True},
        {"num_hidden_layers": 1},
    ),
    "llama-biases": ({**llama, "attention_bias": True, "mlp_bias": True}, {"mlp_bias": False}),
    "llama-head-size": ({**llama, "head_dim": 32, "hidden_act": "gelu"}, {"hidden_act": "silu"}),
    "llama-rope-llama3": ({**llama, "rope_scaling": llama3_scaling}, {"rope_scaling": None}),
    "llama-rope-linear": ({**llama, "rope_scaling": {"type": "linear", "factor": 4.0}}, {"rope_scaling": None}),
    "llama-rope-dynamic": (
        {**llama, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
    ),
    "mistral": (mistral, {"sliding_window": 8}),
    "mistral-full": ({**mistral, "sliding_window": None, "head_dim": 8}, {"sliding_window": 28}),
    "qwen2": (qwen2, {"use_sliding_window": True}),
    "qwen2-window": ({**qwen2, "use_sliding_window": True}, {"max_window_layers": 0}),
    "qwen3": (qwen3, {"rope_theta": 10000.0}),
    "qwen3-bias": ({**qwen3, "attention_bias": True, "head_dim": 16}, {"attention_bias": False}),
    "phi3": (phi3, {"sliding_window": None}),
    "phi3-partial": ({**phi3, "partial_rotary_factor": 0.5, "hidden_size": 64},
                     {"partial_rotary_factor": 1.0}),
    "phi3-longrope": (
        {**phi3, "max_position_embeddings": 128, "rope_scaling": longrope_scaling},
        {"rope_scaling": {**longrope_scaling, "short_factor": [1.0] * 8}},
    ),
    "gemma": (gemma, {"hidden_act": "silu"}),
    "gemma2": (gemma2, {"attn_logit_softcapping": None}),
    "gemma2-uncapped": ({**gemma2, "attn_logit_softcapping": None}, {"final_logit_softcapping": None}),
    "gemma2-full": (
        {**gemma2, "sliding_window": 64, "attn_logit_softcapping": None, "final_logit_softcapping": None},
        {"query_pre_attn_scalar": 24},
    ),
    "gpt2": (gpt2, {"activation_function": "relu"}),
    "gpt2-scaled": (
        {**gpt2, "n_inner": 40, "scale_attn_by_inverse_layer_idx": True},
        {"scale_attn_by_inverse_layer_idx": False},
    ),
    "opt": (opt, {"activation_function": "gelu"}),
    "opt-projection": ({**opt, "word_embed_proj_dim": 16, "activation_function": "gelu"}, {"activation_function": "relu"}),
}  # fmt: skip


def config_of(fields):
    given = {name: value for name, value in json.loads(json.dumps(fields)).items()}
    return AutoConfig.for_model(given.pop("model_type"), **given)


def logits_of(config):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weight(name, tuple(parameter.shape)))
        ids = torch.tensor([tokens()])
        output = model(ids[:, :PROMPT_TOKENS], use_cache=True)
        rows = [output.logits[0]]
        for index in range(PROMPT_TOKENS, ids.shape[1]):
            output = model(ids[:, index : index + 1], past_key_values=output.past_key_values, use_cache=True)
            rows.append(output.logits[0])
        return torch.cat(rows).numpy().astype("<f4")


def make(name):
    fields, without = CASES[name]
    config = config_of(fields)
    logits = logits_of(config)
    changed = logits_of(config_of({**fields, **without}))
    difference = float(np.abs(logits - changed).max() / np.abs(logits).max())
    if not difference > 1e-2:
        raise SystemExit(f"{name}: {without} changes the logits by {difference} only")
    golden = {
        "transformers": transformers.__version__,
        "config": fields,
        "saved": {**json.loads(config.to_json_string()), "architectures": fields["architectures"]},
        "tokens": tokens(),
        "promptTokens": PROMPT_TOKENS,
        "logits": base64.b64encode(logits.tobytes()).decode(),
    }
    (HERE / f"{name}.json").write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{name}: largest logit {np.abs(logits).max():.3f}, {without} changes {difference:.3f}")


if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        make(case)
