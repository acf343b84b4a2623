"""Our extraction beside the authors' script (`roles=compat`) and beside transformers' own states read in float64 (`roles=strict`).

    python -m venv v && v/bin/pip install torch==2.11.0 torchvision==0.26.0 transformers==4.57.3 accelerate tqdm numpy pillow
    git clone https://github.com/ChangtiWu/ScalSelect && git -C ScalSelect checkout 74375d3
    v/bin/python compare_extraction.py qwen FOLDER              # makes a tiny random Qwen3-VL
    v/bin/python compare_extraction.py PROGRAM FOLDER authors=ScalSelect/scripts work=DIR [rows=240] [seed=7] [layers=0] [traps=3]

The pool is made here: TRAPS, each in `traps` rows with other pictures, and conversations that a seed draws. FOLDER is a LLaVA or
Qwen3-VL checkpoint; a copy of links in DIR gets what the authors' script needs besides (chat template, processor). layers=2: that
copy keeps two decoder layers; the states behind the first one stay what they are, and a deep model costs less.

Kept sets are not in our output. They are told from the vector: the mean of the reference's kept states must be nearer to it than any
set with one token more, less or another could be. A row whose sum stands within 1e-5 of the threshold, or whose last token is level
with the next one, is a tie.
"""
import contextlib
import fractions
import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing
import zipfile

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, AutoTokenizer, logging

GOLDEN = pathlib.Path(__file__).resolve().parent.parent.parent / "data" / "golden" / "images"
PICTURES = sorted(p.name for p in GOLDEN.iterdir() if not p.name.startswith(("1x1", "12000")))
THETA, COSINE = "0.9", 0.9999

# ---------------------------------------------------------------------------------------------------------------- the pool


class Trap(typing.NamedTuple):
    name: str
    section: str                     # item of docs/extraction.md
    turns: list                      # texts, user and assistant in turns; or (role, text)
    images: typing.Any = 1           # how many, or which
    acts: typing.Any = None          # of Facts: does this tokenizer spring the trap? None: by construction
    differs: str = ""                # where our reading is another one on purpose, and which
    family: str = ""                 # "": every one


LONG = "4,300 tokens"
TRAPS = [
    Trap("tag after the text", "1.1", ["How many boxes?\n<image>", "Two."]),
    Trap("tag inside the text", "1.1", ["Say what <image> this is", "A box.", "Why?", "Because."]),
    Trap("<img> and blanks around the text", "1.1", ["  <img> \n What is it? \t", "A box."]),
    Trap("more tags than images", "1.1", ["<image><image>What is it?", "A box."]),
    Trap("a tag inside a tag", "1.1", ["<im<image>g>What <ima<img>ge> is it?", "A box."], family="qwen"),
    Trap("no tag, two images", "1.1", ["What are they?", "Boxes."], 2),
    Trap("Unicode blanks around the first question", "1.1", ["\u3000\u2003What is it?\u00a0\x1f", "A box."]),
    Trap("blanks of later messages stay", "1.1", ["<image>What?", "A box.", "  Why \n\n so?  ", "Well."]),
    Trap("empty later question", "1.1", ["<image>What?", "A box.", "", "Still a box."]),
    Trap("first question of tags alone", "1.1", ["<image>\n", "A box.", "Why?", "So."]),
    Trap("system message", "1.1", [("system", "Be brief."), ("user", "<image>What?"), ("assistant", "A box.")]),
    Trap("the answer speaks first", "1.1", [("assistant", "Hello."), ("user", "<image>What?"), ("assistant", "Hello.")]),
    Trap("alpha is dropped", "1.1", ["<image>What?", "A box."], ["rgba.png"]),
    Trap("alpha is dropped, palette", "1.1", ["<image>What?", "A box."], ["palette_transparent.png"]),
    Trap("EXIF orientation is ignored", "1.1", ["<image>What?", "A box."], ["orientation6.jpg"]),
    Trap("picture of one pixel", "1.1", ["<image>What?", "A box."], ["1x1.png"], family="qwen"),
    Trap("picture one pixel high", "1.1", ["<image>What?", "A box."], ["1x1.png"], family="llava",
         differs="transformers takes height 1 for a channel and the authors lose the row"),
    Trap("no image", "1.2", ["What?", "A box."], 0),
    Trap("image missing", "1.2", ["<image>What?", "A box."], ["no_such.png"]),
    Trap("image unreadable", "1.2", ["<image>What?", "A box."], ["broken.png"]),
    Trap("one of two images unreadable", "1.2", ["<image>What?", "A box."], ["rgb.png", "broken.png"],
         differs="the authors continue with the rest, ours skips the row"),
    Trap("stray <image> in a later question", "1.2", ["<image>What?", "A box.", "And <image> here?", "No."]),
    Trap("stray <image> in an answer", "1.2", ["<image>What?", "An <image> box."]),
    Trap("stray placeholder in a later question", "1.2", ["<image>What?", "A box.", "And <|image_pad|>?", "No."], family="qwen"),
    Trap("tokens across the header's border", "1.3", ["<image>What?", "A box.", "\n\nWhy?", "\n\nSo.", "\nWhat else?", "No."]),
    Trap("literal end token in the text", "1.3", ["<image>Say </s> or <|im_end|>", "</s>", "Why <|im_end|>?", "<s> so </s>"]),
    Trap("bytes, accents, wide letters", "1.3", ["<image>你好 😀 café?", "好 😀", "Où \u200b ça?", "là\u0301 bas"]),
    Trap("every question counts", "1.3", ["<image>What?", "A box.", "Which colour?", "Red.", "Is it big?", "No.", "Sure?", "Yes."]),
    Trap("several images, one pool of tokens", "1.4", ["<image> first, <image> second, <image> third?", "Boxes."], 3),
    Trap("no user token, count a multiple of ten", "1.5", ["<image>", "A box."], 5, lambda f: f.users == 0 and f.visual % 10 == 0),
    Trap("identical rows", "1.7", ["<image>What is it?", "A box.", "Why?", "So."], ["noise.png"]),
    Trap("the question holds the answer", "2", ["<image>Is it a box, yes or no?", "no", "Is it red or blue?", "blue"],
         1, lambda f: f.user_as_answer > 0),
    Trap("the header holds the answer", "2", ["<image>A what is this?", "A", "And now?", "USER", "Now?", "A"],
         1, lambda f: f.header_as_answer + f.user_as_answer > 0),
    Trap("a false hit moves the cursor", "2", ["<image>First box, then ball?", "ball", "Then?", "box", "Then?", "ball"],
         1, lambda f: f.user_as_answer > 0 and f.answer_as_user > 0),
    Trap("answer not found", "2", ["<image>What?", "\n\nSo it is.", "Why?", "\tBecause.\n"], 1, lambda f: f.answer_as_user > 1),
    Trap("blanks before an answer", "2", ["<image>What?", "   A box of wood.", "Why?", "Well.   "]),
    Trap("Unicode blanks around an answer", "2", ["<image>What?", "\u3000A box\u00a0", "Why?", "\x1fSo it is\u2003", "How?", "A box"]),
    Trap("answer of blanks alone", "2", ["<image>What?", "  \n ", "Why?", "So."]),
    Trap("the same answer again", "2", ["<image>Yes?", "Yes", "Yes?", "Yes", "Yes?", "Yes"]),
    Trap("empty answer between", "2", ["<image>What?", "", "Why?", "So."]),
    Trap("empty answer at the end", "2", ["<image>What?", "A box.", "Why?", ""]),
    Trap("an added token counts as visual", "2", ["<image>What <pad> is <|vision_start|> it <|vision_end|>?", "A <pad> box."],
         1, lambda f: f.more_visual > 0),
    Trap("longer than 4,096 tokens", "2", ["<image>What?", LONG, "Why?", "So."], 1, lambda f: f.cut),
    Trap("image after 4,096 tokens", "2", [("assistant", LONG), ("user", "<image>What?"), ("assistant", "A box.")]),
]
COLOURS, THINGS = ["red", "blue", "green", "black", "white"], ["box", "ball", "cat", "dog", "car", "tree", "house"]
QUESTIONS = ["What is on the left?", "Is the {c} {t} above the {u}? Answer yes or no.", "How many {t}s are there?",
             "Which colour has the {t}:\nA. red\nB. {c}\nAnswer with the letter.", "Describe the picture.", "And the {u}?",
             "Where, if at all, is the {c} {u}?", "Why do you think so?"]
ANSWERS = ["A {c} {t}.", "yes", "no", "No, the {t} is {c}.", "3", "B", "A", "The picture shows a {c} {t} beside a {u}, and behind it "
           "there is one more {u}.", "It is on the left of the {u}.", " {c}", "Two {t}s"]


def make_pictures(family, folder):
    """The golden pictures and a broken one. For Qwen they are enlarged to sizes that its processor keeps: ours and torchvision's
    resampling differ by a level now and then, and that moves a token across the threshold."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "broken.png").write_text("no picture")
    for i, name in enumerate([*PICTURES, "1x1.png"]):
        if family == "llava" or name == "1x1.png":
            os.symlink(GOLDEN / name, folder / name)
            continue
        with Image.open(GOLDEN / name) as picture:
            kept = {key: picture.info[key] for key in ("transparency", "exif") if key in picture.info}
            large = picture.convert("RGB") if picture.mode == "CMYK" else picture
            size = [(640, 480), (480, 640), (512, 640)][i % 3]  # 300 and 320 tokens
            large.resize(size, Image.Resampling.NEAREST).save(folder / name, format="png", **kept)


def with_roles(turns):
    return [turn if isinstance(turn, tuple) else (("user", "assistant")[i % 2], turn) for i, turn in enumerate(turns)]


def drawn_turns(rng):
    turns = []
    for i in range(rng.integers(2, 5)):
        words = {"c": str(rng.choice(COLOURS)), "t": str(rng.choice(THINGS)), "u": str(rng.choice(THINGS))}
        turns += [str(rng.choice(QUESTIONS)).format(**words), str(rng.choice(ANSWERS)).format(**words)]
    turns[0] = turns[0] + "\n<image>" if rng.random() < 0.3 else "<image>\n" + turns[0]
    return turns


def make_pool(family, tokenizer, rows, seed, trap_variants):
    """Rows with "id", "images" (names), "messages", and the trap that each one is for."""
    rng = np.random.default_rng(seed)
    words = "one more word and "
    long_text = words * (4300 * 100 // len(tokenizer(words * 100, add_special_tokens=False)["input_ids"]))
    pool, traps = [], []

    def add(turns, images, trap):
        messages = [{"role": role, "content": long_text if text == LONG else text} for role, text in with_roles(turns)]
        pool.append({"id": 1000 + len(pool), "images": images, "messages": messages})
        traps.append(trap)
    for trap in TRAPS:
        if trap.family in ("", family):
            for i in range(1 if "4,096" in trap.name else trap_variants):
                drawn = trap.images if isinstance(trap.images, list) else rng.choice(PICTURES, trap.images, replace=False).tolist()
                add(trap.turns, drawn, trap)
    while len(pool) < rows:
        add(drawn_turns(rng), rng.choice(PICTURES, 2 if rng.random() < 0.1 else 1).tolist(), None)
    order = rng.permutation(len(pool))
    pool, traps = [pool[i] for i in order], [traps[i] for i in order]
    for i, row in enumerate(pool):
        row["id"] = 1000 + i
    return pool, traps


# ----------------------------------------------------------------------------------------- the copy that the authors' script opens

# The prompt formats as chat templates: each message a header, its images, its text, an end.
LLAVA_TEMPLATE = ("{% for m in messages %}{{ '' if m['role'] == 'system' else m['role'] | upper + ': ' }}"
                  "{% for c in m['content'] if c['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
                  "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] + ' ' }}{% endfor %}{% endfor %}")
QWEN_TEMPLATE = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['content'] is string %}{{ m['content'] }}{% else %}"
                 "{% for c in m['content'] %}{{ c['text'] if c['type'] == 'text' else '<|vision_start|><|image_pad|><|vision_end|>' }}"
                 "{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}")


def model_copy(folder, copy, layers):
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for file in folder.iterdir():
        os.symlink(file.resolve(), copy / file.name)

    def write(name, value):
        (copy / name).unlink(missing_ok=True)
        (copy / name).write_text(value if isinstance(value, str) else json.dumps(value, indent=1))
    config = json.loads((folder / "config.json").read_text())
    family = "llava" if config["model_type"] == "llava" else "qwen"
    if layers:
        config["text_config"]["num_hidden_layers"] = layers
        config["text_config"].pop("layer_types", None)
    write("config.json", config)
    write("chat_template.jinja", LLAVA_TEMPLATE if family == "llava" else QWEN_TEMPLATE)
    if family == "llava":
        strategy = config.get("vision_feature_select_strategy", "default")
        write("processor_config.json", {"processor_class": "LlavaProcessor", "patch_size": config["vision_config"]["patch_size"],
                                        "num_additional_image_tokens": 1, "vision_feature_select_strategy": strategy})
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
        tokenizer["extra_special_tokens"] = {"image_token": "<image>"}  # an image id inside the base vocabulary must be named
        write("tokenizer_config.json", tokenizer)
    return family


def make_random_qwen(folder):
    """A tiny Qwen3-VL with real patch sizes; tokenizer of the golden folder beside this script."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
    base = pathlib.Path(__file__).resolve().parent / "qwen3_base"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = json.loads((base / "config.json").read_text())
    config["text_config"].update(max_position_embeddings=8192)
    config["vision_config"].update(patch_size=16, num_position_embeddings=2304)
    torch.manual_seed(5)
    model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**config))
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() > 1:
                p.normal_(0, 0.25)
    model.save_pretrained(folder)
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(base / name, folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "Qwen2VLImageProcessorFast", "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"shortest_edge": 256 * 32 * 32, "longest_edge": 576 * 32 * 32}}))


# ------------------------------------------------------------------------------------------------------------- the two references


class Read(typing.NamedTuple):
    """What a reference makes of a row."""
    vector: torch.Tensor
    states: torch.Tensor   # of the visual tokens
    kept: list             # indices into states
    tie: bool
    users: list
    visuals: list
    tags: str              # strict only: one letter a token: template, system, user, assistant, image


def is_tie(share, count):
    """Shares in descending order: does the count of kept ones hang on rounding?"""
    sums = share.cumsum(0) - float(THETA)
    near = sums[max(count - 2, 0):count + 1].abs().min() < 1e-5
    return bool(near or (count < len(share) and share[count - 1] - share[count] < 1e-7))


class Authors:
    """Their script, one row at a time (a failing row takes its batch with it); float32."""

    def __init__(self, scripts, copy, family, pictures):
        sys.path.insert(0, str(scripts))
        import feature_extract
        import feature_extract_sft
        self.script, self.calls, self.pictures = feature_extract_sft, [], pictures
        with quiet():
            self.extractor = feature_extract.VLMFeatureExtractor(str(copy), device="cpu", torch_dtype="float32", model_type=family)
        self.extractor.model.lm_head = torch.nn.Identity()  # its logits are not read
        inner = feature_extract_sft.extract_user_attended_vision

        def recorded(first_layer_hidden, attention_matrix, user_indices, vision_indices, cumulative_threshold):
            vector, kept = inner(first_layer_hidden, attention_matrix, user_indices, vision_indices, cumulative_threshold)
            share = attention_matrix[user_indices][:, vision_indices].double().mean(0)
            share = (share / share.sum()).sort(descending=True).values
            self.calls.append(Read(vector, first_layer_hidden[0][vision_indices], kept, is_tie(share, len(kept)), user_indices,
                                   vision_indices, ""))
            return vector, kept
        feature_extract_sft.extract_user_attended_vision = recorded

    def read(self, row):
        row = dict(row, images=[str(self.pictures / name) for name in row["images"]])
        self.calls.clear()
        with quiet():
            results = self.script.process_sample_batch(self.extractor, [row], float(THETA))
        return self.calls[0] if results[0] else None


@contextlib.contextmanager
def quiet():
    with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
        yield


def rendered(family, messages, images):
    """The prompt, written out by hand, and a letter for each character; `images`: placeholder text of each image."""
    text, letters = "", ""
    for message in messages:
        role, words, here = message["role"], message["content"], []
        if role == "user" and images:
            here, images = images, []
            words = words.replace("<image>", "").replace("<img>", "").strip()
        if family == "llava":
            if not words and not here:
                continue
            head = "" if role == "system" else role.upper() + ": "
            frame, end = ("", "\n"), " " if words else ""
        else:
            head, frame, end = f"<|im_start|>{role}\n", ("<|vision_start|>", "<|vision_end|>"), "<|im_end|>\n"
        for part, letter in [(head + "".join(frame[0] + image + frame[1] for image in here), "t"), (words, role[0]), (end, "t")]:
            text += part
            letters += letter * len(part)
    return text, letters


class Strict:
    """docs/extraction.md section 1 from transformers' hidden states and attentions; weights, states and the rest in float64."""

    def __init__(self, copy, family, pictures):
        self.family, self.pictures = family, pictures
        self.processor = AutoProcessor.from_pretrained(copy)
        if family == "qwen":
            self.processor.image_processor.size = {"shortest_edge": 256 * 32 * 32, "longest_edge": 576 * 32 * 32}
        whole = AutoModelForImageTextToText.from_pretrained(copy, dtype=torch.float64, attn_implementation="eager").eval()
        self.config, self.model = whole.config, whole.model
        self.token = "<image>" if family == "llava" else "<|image_pad|>"
        self.image = self.processor.tokenizer.convert_tokens_to_ids(self.token)

    def image_counts(self, pixels):
        if self.family == "qwen":
            return [int(grid.prod()) // self.config.vision_config.spatial_merge_size**2 for grid in pixels["image_grid_thw"]]
        vision = self.config.vision_config
        whole = self.config.vision_feature_select_strategy == "full"
        return [(vision.image_size // vision.patch_size)**2 + whole] * len(pixels["pixel_values"])

    def read(self, row):
        try:
            pictures = [Image.open(self.pictures / name).convert("RGB") for name in row["images"]]
        except (OSError, ValueError):
            return None
        if not pictures or rendered(self.family, row["messages"], [self.token] * len(pictures))[0].count(self.token) != len(pictures):
            return None
        layout = {"input_data_format": "channels_last"} if self.family == "llava" else {}  # else it guesses, wrongly for one pixel
        pixels = self.processor.image_processor(pictures, return_tensors="pt", **layout)
        text, letters = rendered(self.family, row["messages"], [self.token * n for n in self.image_counts(pixels)])
        coded = self.processor.tokenizer(text, return_offsets_mapping=True)
        ids = coded["input_ids"]
        tags = ""
        for token, (begin, end) in zip(ids, coded["offset_mapping"]):
            inside = set(letters[begin:end]) - {"t"}
            tags += "i" if token == self.image else inside.pop() if inside else "t"
        visuals, users = ([i for i, tag in enumerate(tags) if tag == letter] for letter in "iu")
        if self.family == "llava":
            pixels["pixel_values"] = pixels["pixel_values"].double()
        with torch.no_grad():
            out = self.model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), use_cache=False,
                             output_hidden_states=True, output_attentions=True, **pixels)
        states = out.hidden_states[1][0, visuals].double()
        share = out.attentions[0][0].double().mean(0)[users][:, visuals].mean(0) if users else torch.zeros(len(visuals)).double()
        if not share.sum() > 0:
            kept = list(range(int(fractions.Fraction(THETA) * len(visuals)) + 1))  # first sum that exceeds it, without rounding
            return Read(states[kept].mean(0), states, kept, False, users, visuals, tags)
        share, order = (share / share.sum()).sort(descending=True, stable=True)
        above = (share.cumsum(0) > float(THETA)).nonzero()
        count = int(above[0]) + 1 if len(above) else len(visuals)
        kept = order[:count].tolist()
        return Read(states[kept].mean(0), states, kept, is_tie(share, count), users, visuals, tags)


class Facts(typing.NamedTuple):
    """What the authors' roles do to a row."""
    users: int             # strict
    visual: int
    answer_as_user: int    # tokens
    user_as_answer: int
    header_as_answer: int
    more_visual: int
    cut: bool


def facts_of(authors, strict):
    seen = set(authors.users) | set(authors.visuals)
    length = max(seen) + 1
    answers = [i for i in range(length) if i not in seen]
    tags = strict.tags
    return Facts(len(strict.users), len(strict.visuals), sum(tags[i] == "a" for i in authors.users if i < len(tags)),
                 sum(tags[i] == "u" for i in answers), sum(tags[i] == "t" for i in answers),
                 len(authors.visuals) - len(strict.visuals), length < len(tags) - 8 and length >= 4000)


# --------------------------------------------------------------------------------------------------------------------- comparison


def cosine(a, b):
    a, b = torch.as_tensor(a).double(), torch.as_tensor(b).double()
    return float(a @ b / (a.norm() * b.norm()))


def same_set(vector, read):
    """Is `vector` the mean of the reference's kept states, and of no set that one token sets apart?"""
    vector, states = torch.as_tensor(vector).double(), read.states.double()
    kept = torch.zeros(len(states), dtype=torch.bool)
    kept[read.kept] = True
    mean, n = states[kept].mean(0), len(read.kept)
    off = float((vector - mean).norm())
    steps = [(states[~kept] - mean).norm(dim=1) / (n + 1), torch.cdist(states[kept], states[~kept]).flatten() / n]
    if n > 1:
        steps.append((states[kept] - mean).norm(dim=1) / (n - 1))
    nearest = min(float(step.min()) for step in steps if len(step))
    return off < 0.3 * nearest or off < 1e-6 * float(mean.norm())


def run(program, *words):
    done = subprocess.run([program, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")


def ours(program, folder, work, pool, roles):
    out = work / f"{roles}.npz"
    run(program, "extract", f"model.path={folder}", f"pool.path={pool}", f"pool.image_root={work / 'pictures'}", f"out={out}", "ids=id",
        f"selector={roles}", "model.dtype=float32", "threads=1", f"cache={work / 'cache'}")
    assert all(member.compress_type == zipfile.ZIP_DEFLATED for member in zipfile.ZipFile(out).infolist())
    with np.load(out) as file:
        assert file["sample_ids"].dtype.kind == "U" and file["representations"].dtype == np.dtype("<f4")
        return dict(zip((int(i) for i in file["sample_ids"]), file["representations"]))


def save(path, table, ids):
    np.savez_compressed(path, sample_ids=np.array([str(i) for i in ids]), representations=np.stack([table[i] for i in ids]).astype("<f4"))


def read_scores(path, ids):
    scores = {row["sample_id"]: row["importance"] for row in map(json.loads, path.read_text().splitlines())}
    return np.array([scores[i] for i in ids])


def our_scores(program, work, table, ids):
    save(work / "ours.npz", table, ids)
    run(program, "score", f"features={work / 'ours.npz'}", f"out={work / 'ours.jsonl'}")
    return read_scores(work / "ours.jsonl", ids)


def authors_scores(scripts, work, table, ids):
    save(work / "all_representations.npz", table, ids)
    run(sys.executable, str(scripts / "cur.py"), "--features-dir", str(work), "--output", str(work / "authors.jsonl"), "--sv-threshold",
        "0.9", "--no-standardize", "--no-l2-normalize")
    return read_scores(work / "authors.jsonl", ids)


def float64_scores(table, ids):
    x = np.stack([np.asarray(table[i], dtype=np.float64) for i in ids])
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    k = int(np.argmax(np.cumsum(s**2) / (s**2).sum() >= 0.9)) + 1
    return (u[:, :k]**2).sum(1)


def ranks(x):
    """Middle ranks of ties: scores that agree to a thousandth of the mean."""
    _, inverse, counts = np.unique(np.round(x / x.mean(), 3), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def ranking_line(theirs, mine):
    top = max(1, round(0.16 * len(mine)))
    tie = 1e-3 * theirs.mean()
    last = np.sort(theirs)[-top] - tie  # a tie with the last of the top is as good
    overlap = (theirs[np.argsort(-mine, kind="stable")[:top]] >= last).mean()
    gap = theirs[:, None] - theirs[None]
    swapped = int(((gap > tie) & (mine[:, None] < mine[None])).sum())
    worst = float(np.abs(theirs - mine).max() / theirs.mean())
    return f"{np.corrcoef(ranks(theirs), ranks(mine))[0, 1]:.6f} | {swapped} | {overlap:.3f} | {worst:.1e}"


class Pair:
    """One reading of ours beside one reference, over the rows."""

    def __init__(self):
        self.cosines, self.vectors, self.equal, self.ties = [], {}, 0, 0

    def check(self, row_id, mine, read, count):
        """The verdict on one row. Rows that differ on purpose do not count."""
        if mine is None and read is None:
            return "skipped by both"
        if mine is None or read is None:
            return "skipped by " + ("ours" if mine is None else "the reference")
        value, equal = cosine(mine, read.vector), same_set(mine, read)
        if count:
            self.cosines.append(value)
            self.vectors[row_id] = read.vector.numpy()
            self.equal += equal
            self.ties += read.tie and not equal
        if value >= COSINE and (equal or read.tie):
            return "equal"
        return f"cosine {value:.6f}" + ("" if equal else ", another set")

    def line(self, name, rank):
        return (f"| {name} | {len(self.cosines)} | {min(self.cosines):.8f} | {np.mean(self.cosines):.8f} | "
                f"{self.equal} of {len(self.cosines)} ({self.ties}) | {rank} |")


def compare(pool, traps, tables, references):
    """Pairs, verdicts {trap: {roles: set}}, the traps that act, and how many rows the authors' roles read in which wrong way."""
    pairs = {"compat": Pair(), "strict": Pair(), "both": Pair()}
    verdicts, acting, counts, wrong = {}, set(), np.zeros(4, dtype=int), 0
    for row, trap in zip(pool, traps):
        reads, seen = {}, {}
        for roles, reference in references.items():
            read = reads[roles] = reference.read(row)
            differs = roles == "compat" and trap and trap.differs
            seen[roles] = pairs[roles].check(row["id"], tables[roles].get(row["id"]), read, not differs)
            if trap:
                verdicts.setdefault(trap.name, {}).setdefault(roles, set()).add(seen[roles])
            if seen[roles] not in ("equal", "skipped by both") and not differs:
                wrong += 1
                print("differs:", row["id"], roles, seen[roles], trap.name if trap else row["messages"])
        facts = None
        if reads["compat"] and reads["strict"]:
            facts = facts_of(reads["compat"], reads["strict"])
            counts += [1, facts.answer_as_user > 0, facts.user_as_answer > 0, facts.header_as_answer > 0]
            if all(row["id"] in table for table in tables.values()):
                pairs["both"].cosines.append(cosine(*(tables[roles][row["id"]] for roles in reads)))
            compat, strict = ({read.visuals[i] for i in read.kept} for read in reads.values())
            pairs["both"].equal += compat == strict
        if trap and (trap.acts is None or (facts and trap.acts(facts))):
            acting.add(trap.name)
    return pairs, verdicts, acting, counts, wrong


def print_results(family, verdicts, acting, lines):
    print("| | rows | min cosine | mean cosine | kept sets equal (ties) | Spearman | swapped pairs | top 16 % | largest score gap |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    print("\n".join(lines))
    print("\n| trap | docs/extraction.md | acts here | compat | strict |\n|---|---|---|---|---|")
    for trap in TRAPS:
        if trap.family in ("", family):
            compat, strict = (", ".join(sorted(verdicts[trap.name][roles])) for roles in ("compat", "strict"))
            note = f" ({trap.differs})" if trap.differs else ""
            print(f"| {trap.name} | {trap.section} | {'yes' if trap.name in acting else 'no'} | {compat}{note} | {strict} |")


def main():
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    if sys.argv[1] == "qwen":
        return make_random_qwen(pathlib.Path(sys.argv[2]))
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    options = {"rows": "240", "seed": "7", "layers": "0", "traps": "3"} | dict(word.split("=", 1) for word in sys.argv[3:])
    work, scripts = pathlib.Path(options["work"]), pathlib.Path(options["authors"])
    copy, pictures = work / "copy", work / "pictures"
    family = model_copy(folder, copy, int(options["layers"]))
    make_pictures(family, pictures)
    pool, traps = make_pool(family, AutoTokenizer.from_pretrained(copy), int(options["rows"]), int(options["seed"]), int(options["traps"]))
    (work / "pool.json").write_text(json.dumps(pool, indent=1))

    tables = {roles: ours(program, folder, work, work / "pool.json", roles) for roles in ("compat", "strict")}
    references = {"compat": Authors(scripts, copy, family, pictures), "strict": Strict(copy, family, pictures)}
    pairs, verdicts, acting, counts, wrong = compare(pool, traps, tables, references)

    ids = {roles: sorted(pairs[roles].vectors.keys() & tables[roles].keys()) for roles in tables}
    ids["both"] = sorted(tables["compat"].keys() & tables["strict"].keys())
    mine = {roles: our_scores(program, work, tables["compat" if roles == "both" else roles], ids[roles]) for roles in ids}
    theirs = {"compat": authors_scores(scripts, work, pairs["compat"].vectors, ids["compat"]),
              "strict": float64_scores(pairs["strict"].vectors, ids["strict"]),
              "both": our_scores(program, work, tables["strict"], ids["both"])}
    names = {"compat": "compat, authors' script", "strict": "strict, float64", "both": "compat, strict"}
    print(f"\n{folder.name}: {len(pool)} rows. Of {counts[0]} that both references read, the authors take answer tokens for the user's "
          f"in {counts[1]}, the user's for an answer in {counts[2]}, header tokens for an answer in {counts[3]}.\n")
    print_results(family, verdicts, acting, [pairs[key].line(names[key], ranking_line(theirs[key], mine[key])) for key in names])
    print(f"\n{wrong} readings differ without a reason")
    sys.exit(wrong > 0)


main()
