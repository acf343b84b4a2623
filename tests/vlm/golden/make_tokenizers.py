"""Trains small tokenizers of every kind with Hugging Face's library and records what it makes of tricky lines.

    pip install tokenizers==0.22.1 && python make_tokenizers.py

tokenizers/NAME/tokenizer.json, and tokenizers/NAME.jsonl: one line a text with "ids" (special tokens added), "spans"
(byte ranges, flattened), "text" (decoded, special tokens skipped) and "full" (decoded with them).
"""
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parent / "tokenizers"
OUT.mkdir(exist_ok=True)

CORPUS = """
What is in the picture? A red circle is left of the blue square. How many cats are there? There are two cats.
The word says STOP. USER: What color is the large triangle? ASSISTANT: It is green. Yes. No. The tallest bar is C.
Don't you see it? I'll look; they've said it's 1234 or 56. Ünïcödé café naïve façade. 你好 世界 图 片 中 有 什么
Describe the image in detail. In the top left corner there is a small yellow star, and below it a gray hexagon.
def main(): return 3.14 * x ** 2  # the end    of it
Is there a dog? No, there is no dog. Which node does A point to? It points to B, not to D. Read the text: "WALK".
""".strip().split("\n") * 3

HAND = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n ", "a", " a", "a ", "  a  b  ", "Hello world", "Hello  world",
    "Hello   world ", "don't I'LL we'Ve it's", "x\ty", "a\r\nb", "!!!\n\nabc", "a\n\n b", "  \n  x", "3.14", "1234567",
    "naïve café", "cafe\u0301", "e\u0301\u0323x", "ﬁne ﬂow", "Ａｂｃ１２", "İstanbul Straße ẞ", "ΑΣΣ ός",
    "你好,世界", "图片中有什么？", "😀", "👩‍👩‍👧 ok", "🇩🇪🇫🇷", "a\u00a0b", "\u00a0x", "a\u3000b", "\u200bzero\u200d", "\ufeffbom",
    "\u0000nul", "ctrl\u0001\u0007x", "\u2581x", "a\u2581b", "▁▁ x", "한국어 텍스트", "日本語テキスト", "العربية", "हिदी",
    "USER: <image>\nWhat is this? ASSISTANT:", "<image>", " <image> ", "<image><image>", "a<image>b", "<image >", "< image>",
    "<s>", "</s>", "Hello <s>.", "</s>USER: hi", "a</s> </s>b", "<unk>", "x<unk>y", "<pad><pad>", "[CLS] a [SEP]", "[UNK]",
    "[MASK] it", "the[MASK]thing", "a <word> b", "a<word>b", "word", "<word>", "<left>  x", "x   <left>", "y <left> z",
    "x <right>   y", "NORM here", "norm here", "a norm", "<|im_end|>\n<|im_start|>user", "x<|im_end|> y", "<|im_start |>",
    "<0x0A>", "<0x41>b", "Ġa", "Ċ", "##ing", "un##able", "(a),(b)", "a-b_c", "x**2", "$5.00 €7 £9", "50%", "a/b\\c",
    "\"quoted\" 'single'", "`code`", "~^|{}[]<>", "…—–", "¿Qué?", "½ ² Ⅳ ٣", "x²+y³", "a" * 120, "ab " * 20, "aaaa bbbb",
    "ThisIsCamelCase", "snake_case_name", "http://a.b/c?d=e&f=g", "foo@bar.com", "#tag", "A", "ASSISTANT", "No", "Yes.",
    "\u0301start", "x\u0300\u0301\u0302", "\u1100\u1161\u11a8", "각", "Å", "\u212b", "\u2126", "\u00bd", "\U0001d400",
    "\U0002b920\U00020000", "豈", "\u0e01\u0e33", "\u0f71\u0f72", "\u00ad soft", "a\u2028b\u2029c", "a\u0085b", "a\u001cb",
    "The. end , of ! it ? n't 's", "do not", "it 's", "a \u0301", "\ud7a3", "ſ ' s", "K k", "0x1F", "1,000,000.5",
]


def lines():
    rng = random.Random(3)
    words = " ".join(CORPUS[:6]).split(" ")
    glue = [" ", "  ", "\n", "", "\t", " <image> ", "</s>", ", ", "é", "好", "😀", " 12 ", "<pad>", "\u00a0"]
    made = []
    for _ in range(60):
        made.append("".join(rng.choice(words) + rng.choice(glue) for _ in range(rng.randint(2, 7))))
    return HAND + made


def add_common(tokenizer, *special):
    tokenizer.add_special_tokens(list(special))
    tokenizer.add_tokens([
        AddedToken("<word>", single_word=True), AddedToken("<left>", lstrip=True, normalized=False),
        AddedToken("<right>", rstrip=True, normalized=False), AddedToken("NORM", normalized=True),
    ])


def word_piece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<image>", "</s>"]
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=330, special_tokens=special, show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(s, t.token_to_id(s)) for s in ("[CLS]", "[SEP]")])
    add_common(t, "<pad>")
    return t


def word_piece_cased():
    """The mini world's kind: no lower-casing, BOS in front."""
    t = Tokenizer(models.WordPiece(unk_token="<unk>", max_input_chars_per_word=40))
    t.normalizer = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
    t.decoder = decoders.WordPiece(cleanup=False)
    special = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=330, special_tokens=special, show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", t.token_to_id("<s>"))])
    return t


QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def qwen():
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"])
    t.add_tokens([AddedToken("<think>", normalized=False)])
    return t


def gpt2():
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<s>", "</s>", "<pad>", "<image>"]))
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])])
    add_common(t)
    return t


def llama(legacy):
    t = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    # Words are cut at blanks in training only, as SentencePiece does.
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=560, special_tokens=special, limit_alphabet=70, show_progress=False))
    tree = json.loads(t.to_str())
    tree["added_tokens"] = [a for a in tree["added_tokens"] if a["id"] < 3]
    # Runs of blanks, with low ids and late merges.
    model = tree["model"]
    top = len(model["vocab"])
    model["vocab"]["▁▁"] = top
    model["vocab"]["▁▁▁▁"] = top + 1
    model["merges"] += [["▁", "▁"], ["▁▁", "▁▁"]]
    if legacy:
        tree["pre_tokenizer"] = None
    else:
        tree["normalizer"] = None
        tree["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    t = Tokenizer.from_str(json.dumps(tree))
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    t.add_special_tokens([AddedToken("<image>", normalized=False), AddedToken("<pad>", normalized=False)])
    if not legacy:
        add_common(t)
    return t


def word_level():
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFKC(), normalizers.Lowercase(),
                                         normalizers.NFD(), normalizers.StripAccents(), normalizers.Replace(Regex(r"\s+"), " ")])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous"),
                                               pre_tokenizers.Digits()])
    t.train_from_iterator(CORPUS, trainers.WordLevelTrainer(
        vocab_size=200, special_tokens=["<unk>", "<s>", "</s>", "<image>", "<pad>"], show_progress=False))
    return t


def metaspace_bpe():
    """BPE with unknown tokens, cut at marks; NFKD."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    t.normalizer = normalizers.NFKD()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("ab", "merged_with_next"),
                                               pre_tokenizers.Split(Regex(r"[aeiou]"), "contiguous", invert=True),
                                               pre_tokenizers.Metaspace(prepend_scheme="always")])
    t.decoder = decoders.Metaspace(prepend_scheme="always")
    t.train_from_iterator(CORPUS[:3], trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "<pad>"], show_progress=False))
    return t


def spans_in_bytes(text, offsets):
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return [at[i] for pair in offsets for i in pair]


def main():
    kinds = {"word_piece": word_piece(), "word_piece_cased": word_piece_cased(), "qwen": qwen(), "gpt2": gpt2(),
             "llama_legacy": llama(True), "llama": llama(False), "word_level": word_level(), "metaspace_bpe": metaspace_bpe()}
    for name, tokenizer in kinds.items():
        folder = OUT / name
        folder.mkdir(exist_ok=True)
        (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n")
        with open(OUT / f"{name}.jsonl", "w") as out:
            for text in lines():
                e = tokenizer.encode(text)
                row = {"in": text, "ids": e.ids, "spans": spans_in_bytes(text, e.offsets),
                       "text": tokenizer.decode(e.ids, skip_special_tokens=True),
                       "full": tokenizer.decode(e.ids, skip_special_tokens=False)}
                out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
