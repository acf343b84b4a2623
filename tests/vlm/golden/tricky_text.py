"""Seeded lines that are hard on a tokenizer: many scripts, emoji, combining marks, control characters, runs of blanks,
code, added tokens inside of text, ill-formed UTF-8. `lines(n, seed)` gives bytes; the same n and seed, the same bytes.
"""
import random

WORDS = """the of and picture shows a red circle left right there are two cats What is this? Yes. No, USER: ASSISTANT: It's
don't naïve café façade Ünïcödé straße İstanbul ΑΣΣ όσος Москва привет Київ שלום עולם مرحبا بالعالم नमस्ते दुनिया 你好 世界
图片中有什么 こんにちは カタカナ 한국어 텍스트 ไทยภาษา ქართული Հայերեն አማርኛ தமிழ் తెలుగు ភាសាខ្មែរ བོད་ཡིག 𝔘𝔫𝔦 𐍈𐌰 ﬁ ﬂ Ａｂｃ ½ Ⅳ ٣ 1234567 3.14
0x1F 1,000,000.5 http://a.b/c?d=e&f=g foo@bar.com snake_case camelCaseWord x**2 $5.00 €7 50% #tag ▁ ▁▁x""".split()
EMOJI = ["😀", "👩‍👩‍👧", "🇩🇪", "👍🏽", "❤️", "🏴‍☠️", "\U0001fae0", "☃", "✓"]
MARKS = ["\u0301", "\u0323", "\u20dd", "\u0e34", "\u064b", "\u093f", "\u3099", "\u200d", "\ufe0f"]
CONTROLS = ["\0", "\x01", "\x07", "\x1b[0m", "\x7f", "\x85", "\u200b", "\u2028", "\u202e", "\ufeff", "\ufffd", "\u00ad"]
BLANKS = [" ", "  ", "   ", " " * 7, " " * 16, " " * 23, "\t", "\t\t", "\n", "\n\n", "\r\n", " \n ", "\u00a0", "\u3000"]
CODE = ["def f(x):\n    return x[::-1]\n", "for (int i = 0; i < n; ++i) {\n\t\tsum += a[i];\n}", "<div class=\"a\">&amp;</div>",
        "SELECT * FROM t WHERE a='b';", "#include <map>", "\\frac{a}{b}^{2}_i", "{\"k\": [1, 2.5e-3, null]}", "rm -rf ./build && make"]
ADDED = ["<s>", "</s>", "<unk>", "<image>", "<pad>", "<s >", "< image>", "</s><s>", "<0x0A>", "<image>\n"]
ILL_FORMED = [b"\xff", b"\xc3(", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80", b"a\x80b"]
PLANES = [(0x20, 0x7e), (0xa0, 0x24f), (0x370, 0x52f), (0x590, 0x6ff), (0x900, 0xdff), (0xe00, 0x10ff), (0x1100, 0x11ff),
          (0x2000, 0x2bff), (0x3040, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xe000, 0xe0ff), (0xfb00, 0xffef),
          (0x10000, 0x103ff), (0x1f300, 0x1faff), (0x20000, 0x200ff), (0xe0000, 0xe007f)]


def characters(rng):
    low, high = rng.choice(PLANES)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 5)))


def part(rng):
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(WORDS).encode() + rng.choice(["", " ", " ", " "]).encode()
    if kind < 0.60:
        return rng.choice(BLANKS).encode()
    if kind < 0.68:
        return characters(rng).encode()
    if kind < 0.74:
        return rng.choice(EMOJI).encode()
    if kind < 0.80:
        return (rng.choice("aeiounky한เ") + "".join(rng.choices(MARKS, k=rng.randint(1, 3)))).encode()
    if kind < 0.85:
        return rng.choice(CONTROLS).encode()
    if kind < 0.89:
        return rng.choice(CODE).encode()
    if kind < 0.97:
        return rng.choice(ADDED).encode()
    return rng.choice(ILL_FORMED)


def lines(count, seed):
    rng = random.Random(seed)
    fixed = [b"", b" ", b"  ", b"\n", b"<s>", b" <s>", b"<image>", b"a<image>b", b"</s> x", b"Hello <s>.", b"\xe2\x96\x81", b"x" * 300,
             b" " * 300, b"\xf0\x9f\x98\x80" * 20]
    made = [b"".join(part(rng) for _ in range(rng.randint(1, 14))) for _ in range(count - len(fixed))]
    return fixed + made
