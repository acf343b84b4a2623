#!/usr/bin/env python3
"""Speed beside the reference: extraction against the authors' script, training against PEFT, generation against transformers.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2 accelerate numpy pillow tqdm
    git clone https://github.com/ChangtiWu/ScalSelect authors
    v/bin/python tests/vlm/golden/make_smollm2.py CHECKPOINT          # or any HF LLaVA folder
    v/bin/python bench/reference.py build/release/scalselect CHECKPOINT --authors authors/scripts --work SCRATCH
                                    [--threads 1] [--repeat 3] [--only extract,train,generate] [--share 1]
                                    [--device cuda] [--dtype bfloat16] [--packed]

Both sides use the same device, threads, pool and dtype (except that trainer.dtype=bfloat16 keeps ours in float32 and multiplies in bfloat16,
while theirs holds its weights in bfloat16). They take turns (ours, theirs, ours, ...), the best repetition counts. Ours is a
program, so its start-up cost is removed by running it at two sizes and subtracting; theirs is timed around the loop, after one
sample (step) that warms it up. Each time is measured twice, wall and processor: with one thread the second says what the
first would be on a machine without other work. Results are compared as well: vectors, tokens trained on, generated ids.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import time

IMAGES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "golden" / "images"
WORDS = ("the a of in on with and red green small large dog table window street person holding standing near under what where how many "
         "color is are there behind bicycle river old wooden chair looks like left right corner bright dark image shows because").split()
TEMPLATE = (  # that of llava-hf/llava-1.5-7b-hf
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' ' }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}")
LORA = r".*language_model\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
RANK, ALPHA, RATE = 16, 32, 2e-4
MAX_LENGTH = 2048
PROMPT = "Write a long story about rain in Berlin, 1927."
TOKENS = (8, 72)


def best(times):
    """Smallest wall and smallest processor time."""
    return tuple(min(column) for column in zip(*times))


def timed(action):
    wall, processor = time.monotonic(), time.process_time()
    result = action()
    return (time.monotonic() - wall, time.process_time() - processor), result


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = options.work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.cache = self.work / "cache"
        self.model = self.model_folder(options.checkpoint.resolve())
        self.notes = []

    def model_folder(self, checkpoint):
        """The checkpoint with LLaVA's own template, which ours uses for every LLaVA, and what its processor needs."""
        folder = self.work / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path in checkpoint.iterdir():
            (folder / path.name).symlink_to(path)
        config = json.loads((folder / "config.json").read_text())
        for name in ("chat_template.jinja", "chat_template.json", "processor_config.json"):
            (folder / name).unlink(missing_ok=True)
        (folder / "chat_template.jinja").write_text(TEMPLATE)
        (folder / "processor_config.json").write_text(json.dumps({
            "processor_class": "LlavaProcessor", "image_token": "<image>", "patch_size": config["vision_config"]["patch_size"],
            "num_additional_image_tokens": 1, "vision_feature_select_strategy": config["vision_feature_select_strategy"]}))
        return folder

    def reference(self):
        """transformers' model."""
        import torch
        from transformers import LlavaForConditionalGeneration
        dtype = getattr(torch, self.options.dtype)
        return LlavaForConditionalGeneration.from_pretrained(self.model, dtype=dtype).to(self.options.device)

    def pool(self, count):
        """`count` conversations of two turns, 40 to 120 words, about pictures of 640 x 480 that `share` samples share."""
        from PIL import Image
        folder = self.work / f"pictures_{self.options.share}"
        folder.mkdir(exist_ok=True)
        sources = [Image.open(IMAGES / name).convert("RGB").resize((640, 480)) for name in ("plain.jpg", "rgb.png", "noise.png")]
        draw, samples = random.Random(1), []
        for i in range(count):
            picture = i // self.options.share
            path = folder / f"{picture}.jpg"
            if not path.exists():
                mixed = Image.blend(sources[picture % 3], sources[(picture + 1) % 3].rotate(7 * picture), 0.3)
                mixed.save(path, quality=90)
            words = draw.choices(WORDS, k=draw.randint(40, 120))
            cuts = [0, len(words) // 5, len(words) // 2, len(words) * 7 // 10, len(words)]
            texts = [" ".join(words[a:b]) for a, b in zip(cuts, cuts[1:])]
            roles = ["user", "assistant"] * 2
            texts[0] = "<image>\n" + texts[0]
            samples.append({"id": i, "images": [str(path)], "messages": [{"role": r, "content": t} for r, t in zip(roles, texts)]})
        target = self.work / f"pool_{count}.json"
        target.write_text(json.dumps(samples))
        return target, samples

    def ours(self, *arguments):
        """(wall, processor) seconds and standard output of one run, nothing cached."""
        shutil.rmtree(self.cache, ignore_errors=True)
        command = [str(self.options.program.resolve()), *arguments, f"threads={self.options.threads}", f"device={self.options.device}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.work)
        wall = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return (wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), done.stdout

    def side_by_side(self, small, large, theirs):
        """Best times: what the large run takes beyond the small one, and theirs."""
        lesser, greater, other = [], [], []
        for _ in range(self.options.repeat):
            lesser.append(small())
            greater.append(large())
            other.append(theirs())
        print("ours:", lesser, greater, "theirs:", other, file=sys.stderr, flush=True)
        return tuple(b - a for a, b in zip(best(lesser), best(greater))), best(other)

    def report(self, what, unit, ours, theirs):
        """ours, theirs: (amount, (wall, processor))."""
        rates = [amount / seconds for amount, times in (ours, theirs) for seconds in times]
        print(f"| {what} | {unit} | {rates[0]:.3g} | {rates[2]:.3g} | {rates[0] / rates[2]:.2f} "
              f"| {rates[1]:.3g} | {rates[3]:.3g} | {rates[1] / rates[3]:.2f} |", file=sys.__stdout__, flush=True)


def gemm(options, repeat=5):
    """FLOP/s of a product of square matrices, best of `repeat`, by wall and by processor time."""
    import torch
    size = 2048 if options.device == "cpu" else 8192
    a, b = torch.randn(2, size, size, dtype=getattr(torch, options.dtype), device=options.device)

    def product():
        a @ b
        if options.device != "cpu":
            torch.cuda.synchronize()

    product()
    return [2 * size**3 / seconds for seconds in best([timed(product)[0] for _ in range(repeat)])]


def flops(config, visual, before, length, asking):
    """FLOPs per sample: (early stopping, the whole model). Multiply and add count as two, causal products as half.

    before: tokens up to the last visual one; asking: those whose attention is read."""
    v, t = config.vision_config, config.text_config
    d, kv = t.hidden_size, t.num_key_value_heads * t.head_dim
    patches, seen = (v.image_size // v.patch_size) ** 2, visual + 1
    block = 2 * seen * (4 * v.hidden_size**2 + 2 * v.hidden_size * v.intermediate_size) + 4 * seen**2 * v.hidden_size
    stem = 2 * patches * 3 * v.patch_size**2 * v.hidden_size
    projector = 2 * visual * (v.hidden_size * d + d * d)
    q = t.num_attention_heads * t.head_dim

    def layer(tokens):
        return 2 * tokens * (2 * d * q + 2 * d * kv + 3 * d * t.intermediate_size) + 2 * tokens**2 * q

    blocks = v.num_hidden_layers + 1 + config.vision_feature_layer
    early = stem + blocks * block + projector + layer(before) + 2 * (length - before) * d * kv + 2 * asking * (d * q + length * q)
    whole = stem + v.num_hidden_layers * block + projector + t.num_hidden_layers * layer(length) + 2 * length * d * t.vocab_size
    return early, whole


def extraction(bench):
    import numpy
    sys.path.insert(0, str(bench.options.authors.resolve()))
    import feature_extract_sft as authors
    small, large = bench.options.samples
    pools = {n: bench.pool(n) for n in (small, large)}
    extractor = authors.VLMFeatureExtractor(str(bench.model), device=bench.options.device,
                                           torch_dtype=bench.options.dtype, model_type="llava")
    samples = pools[small][1]
    authors.process_dataset(extractor, samples[:1], 1, process_rank=1)
    vectors, speeds = [], []

    def ours(n):
        speeds.append(gemm(bench.options))
        return bench.ours("extract", f"model.path={bench.model}", f"pool.path={pools[n][0]}", f"out={bench.work / f'ours_{n}.npz'}",
                          "selector=compat", f"model.dtype={bench.options.dtype}", f"cache={bench.cache}")[0]

    def theirs():
        times, results = timed(lambda: authors.process_dataset(extractor, samples, 1, process_rank=1))
        vectors[:] = [result["combined_repr"] for result in results]
        return times

    mine, other = bench.side_by_side(lambda: ours(small), lambda: ours(large), theirs)
    bench.report("extraction", "samples/s", (large - small, mine), (len(vectors), other))
    a, b = numpy.load(bench.work / f"ours_{small}.npz")["representations"], numpy.stack(vectors)
    cosine = (a * b).sum(1) / numpy.linalg.norm(a, axis=1) / numpy.linalg.norm(b, axis=1)

    visual = token_ids(extractor.processor, samples[0]).count(extractor.model.config.image_token_index)
    totals = []
    for sample in pools[large][1][small:]:
        ids = token_ids(extractor.processor, sample)
        before = len(ids) - ids[::-1].index(extractor.model.config.image_token_index)
        answers = sum(len(extractor.processor.tokenizer(m["content"], add_special_tokens=False)["input_ids"])
                      for m in sample["messages"] if m["role"] == "assistant")
        totals.append(flops(extractor.model.config, visual, before, len(ids), len(ids) - before - answers))
    early, whole = (sum(column) / len(totals) for column in zip(*totals))
    peak = [max(column) for column in zip(*speeds)]
    share = [early * (large - small) / seconds / top for seconds, top in zip(mine, peak)]
    whole_share = [whole * len(vectors) / seconds / top for seconds, top in zip(other, peak)]
    bench.notes.append(
        f"extraction: smallest cosine of the vectors {cosine.min():.7f}; GFLOP per sample {early / 1e9:.2f} (ours) and {whole / 1e9:.1f} "
        f"(whole model), ratio {whole / early:.1f}; share of the speed of a large square product, wall and processor: ours {share[0]:.2f}, "
        f"{share[1]:.2f}, theirs {whole_share[0]:.2f}, {whole_share[1]:.2f}; that product: {peak[1] / 1e9:.0f} GFLOP/s")


def token_ids(processor, sample):
    from PIL import Image
    text, _ = rendered(sample)
    return processor(text=[text], images=[[Image.open(sample["images"][0])]])["input_ids"][0]


def rendered(sample, end=" "):
    """Text as LLaVA's template writes it, and the spans of the answers with what ends them."""
    text, spans = "", []
    for i, message in enumerate(sample["messages"]):
        content = message["content"].replace("<image>", "").strip()
        text += message["role"].upper() + ": " + ("<image>\n" if i == 0 else "")
        begin = len(text)
        text += content + (end if message["role"] == "assistant" else " ")
        if message["role"] == "assistant":
            spans.append((begin, len(text)))
    return text, spans


def training(bench):
    import torch
    from peft import LoraConfig, get_peft_model
    from PIL import Image
    from transformers import AutoTokenizer, CLIPImageProcessor
    size, steps = bench.options.batch, bench.options.steps
    pool, samples = bench.pool(size * (steps + 1))
    tokenizer, image = AutoTokenizer.from_pretrained(bench.model), "<image>"
    prepare = CLIPImageProcessor.from_pretrained(bench.model)
    torch.manual_seed(1)
    model = bench.reference()
    model.config.use_cache = False
    visual = model.config.image_seq_length
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=LORA)).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0, fused=True)

    def encode(sample):
        text, spans = rendered(sample, "</s>")
        grown = len(image) * (visual - 1)
        text = text.replace(image, image * visual)
        out = tokenizer(text, return_offsets_mapping=True, truncation=True, max_length=MAX_LENGTH)
        inside = [any(a < e + grown and b > s + grown for s, e in spans) for a, b in out["offset_mapping"]]
        return out["input_ids"], [i if keep else -100 for i, keep in zip(out["input_ids"], inside)]

    def padded(rows):
        longest = max(len(ids) for ids, _ in rows)
        return {"input_ids": torch.tensor([r + [0] * (longest - len(r)) for r, _ in rows]),
                "labels": torch.tensor([r + [-100] * (longest - len(r)) for _, r in rows]),
                "attention_mask": torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r, _ in rows])}

    def packed(rows):
        """As DataCollatorWithFlattening: transformers finds the rows by their positions, and masks for SDPA."""
        return {"input_ids": torch.tensor([[i for r, _ in rows for i in r]]),
                "labels": torch.tensor([[i for _, r in rows for i in [-100, *r[1:]]]]),
                "position_ids": torch.tensor([[i for r, _ in rows for i in range(len(r))]])}

    def step(batch):
        rows = [encode(sample) for sample in batch]
        inputs = (packed if bench.options.packed else padded)(rows)
        inputs["pixel_values"] = prepare([Image.open(s["images"][0]) for s in batch], return_tensors="pt")["pixel_values"].to(model.dtype)
        loss = model(**{name: tensor.to(model.device) for name, tensor in inputs.items()}).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        return sum(len(r) for r, _ in rows)

    def ours(count):
        times, _ = bench.ours(
            "model=hf", f"model.path={bench.model}", "pool=file", f"pool.path={pool}", "method=full", "budget=1.0", "stop_after=adapter",
            f"trainer.lora.r={RANK}", f"trainer.lora.alpha={ALPHA}", "trainer.train_projector=false", "trainer.train_embeddings=false",
            "trainer.train_head=false", f"trainer.learning_rate={RATE}", f"trainer.batch_size={size}", "trainer.group_by_length=false",
            f"trainer.max_steps={count}", f"trainer.threads={bench.options.threads}", f"trainer.max_length={MAX_LENGTH}",
            "trainer.schedule=constant", "trainer.warmup_ratio=0",
            f"trainer.dtype={bench.options.dtype}", "parallel=1", "name=speed", f"cache={bench.cache}",
            f"store={bench.work / 'results.sqlite'}", f"report={bench.work / 'report'}")
        logs.clear()
        for path in bench.cache.rglob("train_log.jsonl"):
            logs.extend(json.loads(line) for line in path.read_text().splitlines())
        return times

    losses, logs = [], []
    batches = [samples[i:i + size] for i in range(0, len(samples), size)]
    step(batches[0])

    def theirs():
        times, counts = timed(lambda: [step(batch) for batch in batches[1:]])
        tokens[:] = [sum(counts)]
        return times

    tokens = []
    mine, other = bench.side_by_side(lambda: ours(1), lambda: ours(steps + 1), theirs)
    own = sum(line["tokens"] for line in logs[1:])
    bench.report("training", "tokens/s", (own, mine), (tokens[0], other))
    all_tokens = sum(len(encode(sample)[0]) for sample in samples)
    first = [", ".join(f"{loss:.3f}" for loss in run[:3]) for run in ([line["loss"] for line in logs], losses)]
    bench.notes.append(
        f"training: batch {size}, rank {RANK}; tokens of the epoch {sum(line['tokens'] for line in logs)} (ours) and {all_tokens}; "
        f"first losses {first[0]} and {first[1]} (other order)")


def generation(bench):
    import torch
    from transformers import AutoTokenizer
    model = bench.reference().eval()
    tokenizer = AutoTokenizer.from_pretrained(bench.model)
    prompt = tokenizer(f"USER: {PROMPT} ASSISTANT:", return_tensors="pt", return_token_type_ids=False).to(model.device)
    found = {}

    def generate(count):
        with torch.no_grad():
            return model.generate(**prompt, do_sample=False, max_new_tokens=count, pad_token_id=0)[0, prompt.input_ids.shape[1]:].tolist()

    def ours(count):
        times, text = bench.ours("generate", f"model.path={bench.model}", f"prompt={PROMPT}", f"max_new_tokens={count}", "format=json",
                                 f"model.dtype={bench.options.dtype}")
        found["ours"] = json.loads(text)["ids"]
        return times

    few, many = TOKENS
    generate(few)
    lesser = []

    def theirs():
        lesser.append(timed(lambda: generate(few))[0])
        times, found["theirs"] = timed(lambda: generate(many))
        return times

    mine, other = bench.side_by_side(lambda: ours(few), lambda: ours(many), theirs)
    if len(found["ours"]) != many or len(found["theirs"]) != many:
        sys.exit(f"the answer stops after {len(found['ours'])} and {len(found['theirs'])} tokens")
    bench.report("generation", "tokens/s", (many - few, mine), (many - few, tuple(b - a for a, b in zip(best(lesser), other))))
    bench.notes.append(f"generation: ids {'equal' if found['ours'] == found['theirs'] else 'differ'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--authors", type=pathlib.Path, help="folder of feature_extract_sft.py")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="scratch folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="extract,train,generate")
    parser.add_argument("--samples", type=int, nargs=2, default=(8, 72), help="sizes of the extracted pools; theirs takes the first")
    parser.add_argument("--share", type=int, default=1, help="samples that share a picture")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", default="float32", help="float32 or bfloat16")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--packed", action="store_true", help="training: their rows in one sequence without padding (ours always are)")
    parser.add_argument("--steps", type=int, default=2, help="training steps that count")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(options.threads)  # before torch is loaded
    import torch
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    where = torch.cuda.get_device_name() if options.device != "cpu" else processor.group(1) if processor else "unknown processor"
    print(f"{where}, {options.threads} thread(s), {options.dtype}\n")
    print("| | unit | ours | theirs | ratio | ours, processor | theirs, processor | ratio |")
    print("|---|---|---:|---:|---:|---:|---:|---:|", flush=True)
    parts = {"extract": extraction, "train": training, "generate": generation}
    for name in options.only.split(","):
        if name == "extract" and options.authors is None:
            sys.exit("--authors is needed for extraction")
        with contextlib.redirect_stdout(sys.stderr):
            parts[name](bench)
    print("\n" + "\n".join(f"- {note}" for note in bench.notes))


if __name__ == "__main__":
    main()
