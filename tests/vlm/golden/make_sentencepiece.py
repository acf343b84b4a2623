"""A small SentencePiece model of Llama's kind and the ids that Hugging Face's tokenizers give tricky lines.

    python -m venv v && v/bin/pip install transformers==4.57.3 sentencepiece==0.2.1 protobuf && v/bin/python make_sentencepiece.py
    v/bin/python make_sentencepiece.py check MODEL_FOLDER OUT COUNT      a large corpus, compared by
    SCALSELECT_TOKENIZER_CORPUS=OUT build/release/test_vlm --gtest_filter=Tokenizer.AgreesOnALargeCorpus

sentencepiece/KIND/ holds tokenizer.model, tokenizer_config.json and golden.jsonl: "in" (base64 of the bytes), "ids" and
"text" (decoded without special tokens) of LlamaTokenizerFast; `slow` counts in the printed summary how often the slow
LlamaTokenizer (SentencePiece itself) differs.
"""
import base64
import json
import pathlib
import shutil
import sys

import sentencepiece
from transformers import AddedToken, LlamaTokenizer, LlamaTokenizerFast

from tricky_text import WORDS, lines

HERE = pathlib.Path(__file__).parent
OUT = HERE / "sentencepiece"


def train(folder):
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(" ".join(WORDS[i:] + WORDS[:i]) for i in range(0, len(WORDS), 3)) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "tokenizer"), model_type="bpe", vocab_size=620, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True, split_digits=True,
        character_coverage=0.98, minloglevel=2)
    corpus.unlink()
    (folder / "tokenizer.vocab").unlink()


def spoil_scores(folder):
    """Blank runs that share one lowest score, as in Llama's model: ties between merges."""
    from sentencepiece import sentencepiece_model_pb2 as pb
    model = pb.ModelProto.FromString((folder / "tokenizer.model").read_bytes())
    for n in range(2, 17):
        model.pieces.add(piece="\u2581" * n, score=-1e9, type=1)
    model.trainer_spec.vocab_size = len(model.pieces)
    model.trainer_spec.input[:] = []
    model.trainer_spec.model_prefix = "tokenizer"  # not where this machine keeps it
    (folder / "tokenizer.model").write_bytes(model.SerializeToString())


def tokenizers(folder):
    config = json.loads((folder / "tokenizer_config.json").read_text())
    options = {k: config[k] for k in ("legacy", "add_bos_token", "add_eos_token") if k in config}
    options["add_prefix_space"] = True  # the slow tokenizer's default; the fast one would take None for no
    made = []
    for kind in (LlamaTokenizer, LlamaTokenizerFast):
        tokenizer = kind(vocab_file=str(folder / "tokenizer.model"), **options)
        for _, item in sorted((int(k), v) for k, v in config.get("added_tokens_decoder", {}).items()):
            if item["content"] not in tokenizer.get_vocab():
                tokenizer.add_special_tokens({"additional_special_tokens": [AddedToken(item["content"], normalized=False, special=True)]},
                                             replace_additional_special_tokens=False)
        made.append(tokenizer)
    return made


def record(folder, out, count, seed):
    slow, fast = tokenizers(folder)
    differ = 0
    with open(out, "w") as file:
        for raw in lines(count, seed):
            text = raw.decode("utf-8", "replace")
            ids = fast(text)["input_ids"]
            if slow(text)["input_ids"] != ids:
                differ += 1
                if differ <= 5:
                    print("slow and fast differ:", repr(text[:120]), slow(text)["input_ids"][:40], ids[:40])
            row = {"in": base64.b64encode(raw).decode(), "ids": ids, "text": fast.decode(ids, skip_special_tokens=True)}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
    print(f"{out}: {count} lines, slow differs from fast in {differ}")


def main():
    if sys.argv[1:2] == ["check"]:
        folder, out, count = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), int(sys.argv[4])
        out.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.model", "tokenizer_config.json"):
            shutil.copy(folder / name, out / name)
        return record(out, out / "golden.jsonl", count, seed=11)
    for kind, legacy in (("legacy", True), ("plain", False)):
        folder = OUT / kind
        folder.mkdir(parents=True, exist_ok=True)
        if legacy:
            train(folder)
            spoil_scores(folder)
        else:
            shutil.copy(OUT / "legacy" / "tokenizer.model", folder / "tokenizer.model")
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).get_piece_size()
        added = {str(pieces + i): {"content": t, "special": True, "normalized": False, "lstrip": False, "rstrip": False,
                                   "single_word": False} for i, t in enumerate(["<image>", "<pad>"])}
        config = {"legacy": legacy, "add_bos_token": True, "add_eos_token": not legacy, "bos_token": "<s>", "eos_token": "</s>",
                  "unk_token": "<unk>", "pad_token": "<pad>", "tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": added}
        (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
        record(folder, folder / "golden.jsonl", 250, seed=5)


main()
