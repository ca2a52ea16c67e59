"""Writes tiny-opt.pt: act_scales of the model of test/support/tiny-opt.ts in the form of AMD's and mit-han-lab's, a dict of
float32 vectors by module path in a file of torch.save. Run with torch 2.13."""

import torch

scales = {}
for layer in range(2):
    path = f"model.decoder.layers.{layer}"
    for name in ["self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj", "self_attn.out_proj", "fc1", "fc2"]:
        size = 32 if name == "fc2" else 16
        first = 0.3 if name in ["self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj"] else 0.7
        scales[f"{path}.{name}"] = first + torch.arange(size, dtype=torch.float32) / 10 + layer
scales["lm_head"] = torch.ones(16)
torch.save(scales, "tiny-opt.pt")
