"""Makes golden.json and the two SentencePiece models: what Python's tokenizers make of one megabyte of mixed text.

    pip install tokenizers==0.23.3 transformers==5.23.0 sentencepiece==0.2.3 protobuf
    python test/text/golden/make.py

The text is made by ../mixed-text.ts as well. Ids are compared as the sha256 of their little-endian int32.
"""

import hashlib
import json
import struct
from pathlib import Path
from types import SimpleNamespace

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers.convert_slow_tokenizer import LlamaConverter, SpmConverter, generate_merges

HERE = Path(__file__).parent
RECIPES = HERE.parent.parent.parent / "recipes"
PARTS = json.loads((HERE / "parts.json").read_text(encoding="utf8"))


class Random:
    def __init__(self, seed):
        self.state = seed

    def below(self, count):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % count

    def pick(self, items):
        return items[self.below(len(items))]


def segment(random):
    kind = random.below(10)
    if kind == 0:
        return " ".join(random.pick(PARTS["words"]) for _ in range(3 + random.below(10))) + random.pick([" ", ". ", ", "])
    if kind == 1:
        return "".join(random.pick("0123456789") for _ in range(1 + random.below(9))) + random.pick(["", ".", ",", " ", "%"])
    if kind == 2:
        return random.pick(PARTS["spaces"]) * (1 + random.below(5))
    if kind == 3:
        first, last = random.pick(PARTS["ranges"])
        return "".join(chr(first + random.below(last - first + 1)) for _ in range(1 + random.below(12)))
    if kind == 4:
        return "".join(random.pick("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") for _ in range(1 + random.below(5)))
    if kind == 5:
        return random.pick("aZ0-_=. ") * (1 + random.below(40))
    return random.pick(PARTS["texts"])


def mixed_text(size):
    random = Random(2026)
    parts = []
    while size > 0:
        parts.append(segment(random))
        size -= len(parts[-1].encode())
    return "".join(parts) + "end"


def byte_level(pre_tokenizer, normalizer=None, bos=None, ignore_merges=False):
    source = json.loads((RECIPES / "models/opt-wren-4m/tokenizer.json").read_text(encoding="utf8"))
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in source["model"]["merges"]]
    tokenizer = Tokenizer(models.BPE(source["model"]["vocab"], merges, ignore_merges=ignore_merges))
    tokenizer.add_special_tokens([AddedToken("<pad>", normalized=False), AddedToken("</s>", normalized=False)])
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    if bos is not None:
        special = [(bos, tokenizer.token_to_id(bos))]
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{bos}:0 $A:0", special_tokens=special)
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


# From the tokenizer.json of Llama 3, Qwen2.5 and Mistral Nemo.
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def train(name, **options):
    sentencepiece.SentencePieceTrainer.train(
        input=str(RECIPES / "data/calibration.txt"), model_prefix=str(HERE / name), vocab_size=700,
        normalization_rule_name="identity", user_defined_symbols=["<|user|>"], num_threads=1, **options,
    )
    (HERE / f"{name}.vocab").unlink()
    return str(HERE / f"{name}.model")


def llama(model, legacy):
    """As transformers 4 converts the tokenizer.model of Llama: merges in the order of the scores."""
    processor = sentencepiece.SentencePieceProcessor(model_file=model)

    class ByScore:
        def __init__(self, _):
            pass

        def extract(self, scores):
            vocabulary = {processor.id_to_piece(index): index for index in range(processor.get_piece_size())}
            return vocabulary, generate_merges(vocabulary, scores)

    class Converter(LlamaConverter):
        SpmExtractor = ByScore

    slow = SimpleNamespace(vocab_file=model, legacy=legacy, add_prefix_space=True, convert_ids_to_tokens=processor.id_to_piece)
    tokenizer = Converter(slow).converted()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s>:0 $A:0", special_tokens=[("<s>", 1)])
    return tokenizer


def unigram(model):
    tokenizer = SpmConverter(SimpleNamespace(vocab_file=model, legacy=True)).converted()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    return tokenizer


def main():
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2])
    bpe_model = train("sentencepiece-bpe", model_type="bpe", byte_fallback=True, remove_extra_whitespaces=False)
    unigram_model = train("sentencepiece-unigram", model_type="unigram")
    tokenizers = {
        "vocab.json and merges.txt": byte_level(gpt2, bos="</s>"),
        "gpt-2": byte_level(gpt2),
        "smollm": byte_level(digits),
        "llama-bpe": byte_level(split(LLAMA3), bos="</s>", ignore_merges=True),
        "qwen2": byte_level(split(QWEN2), normalizer=normalizers.NFC()),
        "tekken": byte_level(split(TEKKEN), bos="</s>", ignore_merges=True),
        "SentencePiece BPE": llama(bpe_model, legacy=True),
        "SentencePiece BPE, not legacy": llama(bpe_model, legacy=False),
        "SentencePiece Unigram": unigram(unigram_model),
    }
    text = mixed_text(1 << 20)
    golden = {"text": {"bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest()}, "ids": {}}
    for name, tokenizer in tokenizers.items():
        ids = tokenizer.encode(text).ids
        digest = hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()
        golden["ids"][name] = {"count": len(ids), "sha256": digest}
    (HERE / "golden.json").write_text(json.dumps(golden, indent=2) + "\n")
    return text, tokenizers


if __name__ == "__main__":
    main()
