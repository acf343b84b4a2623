#!/usr/bin/env python3
"""Answers per second of `scalselect eval` beside transformers' batched `generate`.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 numpy pillow accelerate
    v/bin/python bench/eval_generate.py build/release/scalselect MODEL --work SCRATCH [--threads 1] [--batch 16]
                 [--max-new-tokens 16] [--images 24] [--questions 6] [--repeat 2] [--device cuda] [--dtype bfloat16]

MODEL is a LLaVA folder. The questions are a POPE benchmark that is made for the purpose, `--questions` about each of `--images`
pictures (POPE itself: 5,127 about 500), asked in the file's order. Both sides answer greedily with the same limit, threads and
batch size; theirs sorts nothing, pads on the left, and processes pictures and text with its own processor, as lmms-eval's
llava_hf does. Ours is timed as a program without its start: two runs over the first quarter and over all, subtracted. Theirs is
timed around the loop, after one batch. They take turns; the best repetition counts. Each time is measured twice, wall and
processor: with one thread the second says what the first would be on a machine without other work. Answers are compared, too.
"""
import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import time

WORDS = "dog cat table person car bicycle chair bottle book clock umbrella horse sheep boat train bench kite spoon bowl pizza".split()
SUFFIX = "\nAnswer the question using a single word or phrase."


def make_benchmark(folder, images, questions, seed):
    from PIL import Image, ImageDraw
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "images").mkdir(parents=True)
    rng = random.Random(seed)
    lines = []
    for i in range(images):
        picture = Image.new("RGB", (640, 480), tuple(rng.randrange(256) for _ in range(3)))
        draw = ImageDraw.Draw(picture)
        for _ in range(12):
            x, y = rng.randrange(600), rng.randrange(440)
            draw.rectangle([x, y, x + rng.randrange(10, 200), y + rng.randrange(10, 200)], fill=tuple(rng.randrange(256) for _ in range(3)))
        picture.save(folder / "images" / f"{i}.jpg", quality=90)
        for k in range(questions):
            lines.append({"question_id": i * questions + k + 1, "image": f"{i}.jpg", "text": f"Is there a {WORDS[k % len(WORDS)]} in the image?",
                          "label": "yes" if k % 2 else "no"})
    (folder / "coco_pope_random.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return lines


class Ours:
    def __init__(self, options):
        self.options = options

    def run(self, limit, number):
        o = self.options
        cache = o.work / f"cache{number}"
        shutil.rmtree(cache, ignore_errors=True)
        out = o.work / "ours"
        command = [o.program, "eval", f"model.path={o.model}", f"model.dtype={o.dtype}", "eval=pope", f"eval.root={o.work}", f"limit={limit}",
                   f"eval.max_new_tokens={o.max_new_tokens}", f"eval.batch_size={o.batch}", f"threads={o.threads}", f"cache={cache}",
                   f"store={o.work}/store.sqlite", f"out={out}", "+eval.bootstrap.replicates=1", f"device={o.device}"]
        def now():
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return time.monotonic(), used.ru_utime + used.ru_stime
        begin = now()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = tuple(after - before for before, after in zip(begin, now()))
        shutil.rmtree(cache)
        return took, [json.loads(line)["response"] for line in (out / "pope" / "predictions.jsonl").open()]

    def measure(self, count):
        few = max(self.options.batch, count // 4)
        short, _ = self.run(few, 0)
        whole, answers = self.run(count, 1)
        return tuple((count - few) / (a - b) for a, b in zip(whole, short)), answers


class Theirs:
    def __init__(self, options, lines):
        import torch
        from transformers import AutoTokenizer, CLIPImageProcessor, LlavaForConditionalGeneration
        self.torch, self.options, self.lines = torch, options, lines
        torch.set_num_threads(options.threads)
        self.tokenizer = AutoTokenizer.from_pretrained(options.model)
        self.tokenizer.padding_side = "left"
        self.images = CLIPImageProcessor.from_pretrained(options.model)
        dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.dtype]
        self.model = LlavaForConditionalGeneration.from_pretrained(options.model, dtype=dtype).to(options.device).eval()
        self.image_id = self.model.config.image_token_id
        self.visual = options.visual_tokens or self.model.config.image_seq_length

    def prompt(self, line):
        ids = self.tokenizer.encode("USER: ", add_special_tokens=True)
        rest = self.tokenizer.encode("\n" + line["text"] + SUFFIX + " ASSISTANT:", add_special_tokens=False)
        return ids + [self.image_id] * self.visual + rest

    def batch(self, lines):
        from PIL import Image
        torch, o = self.torch, self.options
        pictures = [Image.open(o.work / "pope" / "images" / line["image"]).convert("RGB") for line in lines]
        pixels = self.images(pictures, return_tensors="pt")["pixel_values"].to(o.device, self.model.dtype)
        prompts = [self.prompt(line) for line in lines]
        longest = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([[pad] * (longest - len(p)) + p for p in prompts], device=o.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=o.device)
        with torch.no_grad():
            out = self.model.generate(input_ids=ids, attention_mask=mask, pixel_values=pixels, do_sample=False, num_beams=1,
                                      max_new_tokens=o.max_new_tokens, pad_token_id=pad)
        return [self.tokenizer.decode(row[longest:], skip_special_tokens=True).strip() for row in out]

    def measure(self):
        size = self.options.batch
        self.batch(self.lines[:size])
        begin = time.monotonic(), time.process_time()
        answers = []
        for at in range(0, len(self.lines), size):
            answers += self.batch(self.lines[at:at + size])
        return (len(self.lines) / (time.monotonic() - begin[0]), len(self.lines) / (time.process_time() - begin[1])), answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=lambda text: str(pathlib.Path(text).resolve()))
    parser.add_argument("model", type=lambda text: str(pathlib.Path(text).resolve()))
    parser.add_argument("--work", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--max-new-tokens", type=int, default=16)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--questions", type=int, default=6)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--visual-tokens", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    lines = make_benchmark(options.work / "pope", options.images, options.questions, 7)
    ours, theirs = Ours(options), Theirs(options, lines)
    speeds = {"ours": [], "theirs": []}
    for _ in range(options.repeat):
        speed, our_answers = ours.measure(len(lines))
        speeds["ours"].append(speed)
        speed, their_answers = theirs.measure()
        speeds["theirs"].append(speed)
        print({name: [tuple(round(x, 2) for x in value) for value in values] for name, values in speeds.items()}, flush=True)
    best = {name: tuple(map(max, zip(*values))) for name, values in speeds.items()}
    same = sum(a == b for a, b in zip(our_answers, their_answers))
    print(f"{len(lines)} questions about {options.images} pictures, {options.threads} thread(s), batches of {options.batch}, {options.dtype}, "
          f"{options.device}; {same} of {len(lines)} answers are equal")
    for k, clock in enumerate(("wall", "processor")):
        a, b = best["ours"][k], best["theirs"][k]
        print(f"  per {clock} second: ours {a:.2f} answers, transformers {b:.2f}, ratio {a / b:.2f}")


if __name__ == "__main__":
    main()
