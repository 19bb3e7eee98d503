#!/usr/bin/env python3
"""Do the tests notice when the kernels are wrong? Draws mutants, runs the tests on each, and writes docs/results/mutants.md.

    cargo install cargo-mutants --locked
    tools/mutants.py --scratch /tmp/mutants [--count 40]

A mutant is the code with one small change: a minus for a plus, a function that returns nothing. `cargo mutants` lists all of gemm/,
simd/ and ops/; they are taken in the order of the SHA-256 of their lines, so that nobody chooses them, and the first that
compile are tried. Each is tested in a copy of the checkout: the tests of the crate it is in, then those of autograd, until one
fails. What no test notices is a survivor: equivalent (nothing that can be observed changes), or a hole in the tests.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["crates/tensor/src/gemm/**", "crates/tensor/src/simd/**", "crates/autograd/src/ops/**"]
# What is not compiled here can't be noticed here.
NOT_HERE = ("/x86/", "/aarch64/") if os.uname().machine not in ("x86_64", "aarch64") else (
    ("/aarch64/",) if os.uname().machine == "x86_64" else ("/x86/",)
)
SUITES = {
    "crates/tensor": [["-p", "glassbox-tensor", "--lib", "--tests"], ["-p", "glassbox-autograd", "--lib"]],
    "crates/autograd": [["-p", "glassbox-autograd", "--lib"], ["-p", "glassbox-autograd", "--tests"]],
}


def drawn(tree):
    """Every mutant, in an order that nobody chose.

    `cargo mutants` finds files by the `mod` before their names, and those of the operations are written by a macro; for the time of
    the listing the tree has them in plain words.
    """
    table = tree / "crates/autograd/src/ops/mod.rs"
    written = table.read_text()
    table.write_text("".join(f"pub mod {f.stem};\n" for f in sorted(table.parent.glob("*.rs")) if f != table))
    globs = [argument for folder in FOLDERS for argument in ("-f", folder)]
    listed = subprocess.run(["cargo", "mutants", "--list", "--json", *globs], cwd=tree, check=True, capture_output=True)
    table.write_text(written)
    mutants = [m for m in json.loads(listed.stdout) if not any(part in m["file"] for part in NOT_HERE)]
    return sorted(mutants, key=lambda m: hashlib.sha256(m["name"].encode()).hexdigest()), len(mutants)


def mutate(path, span, replacement):
    lines = path.read_text().splitlines(keepends=True)
    (first, last) = (span["start"], span["end"])
    before = "".join(lines[: first["line"] - 1]) + lines[first["line"] - 1][: first["column"] - 1]
    after = lines[last["line"] - 1][last["column"] - 1 :] + "".join(lines[last["line"] :])
    path.write_text(before + replacement + after)


def cargo(scratch, arguments, seconds):
    """Whether it succeeded; None when it took too long."""
    env = dict(os.environ, RUST_BACKTRACE="0", CARGO_TARGET_DIR=str(scratch / "target"), PROPTEST_MAX_SHRINK_ITERS="0", CARGO_PROFILE_TEST_DEBUG="false")
    child = subprocess.Popen(
        ["cargo", *arguments], cwd=scratch / "tree", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        output = child.communicate(timeout=seconds)[0].decode(errors="replace")
        return child.returncode == 0, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.wait()
        return None, ""


def verdict(scratch, mutant, patience):
    path = scratch / "tree" / mutant["file"]
    original = path.read_text()
    mutate(path, mutant["span"], mutant["replacement"])
    try:
        suites = next(suites for crate, suites in SUITES.items() if mutant["file"].startswith(crate))
        for suite in suites:
            built, _ = cargo(scratch, ["test", "--no-run", *suite], 900)
            if not built:
                return "doesn't compile", ""
            passed, output = cargo(scratch, ["test", "--no-fail-fast", *suite], patience)
            if passed is None:
                return "caught", "the tests no longer end"
            if not passed:
                failed = [line.split()[1] for line in output.splitlines() if line.startswith("test ") and line.endswith("FAILED")]
                some = f"{len(failed)} tests, {failed[0]}" if failed else "the test process died"
                return "caught", some
        return "survived", ""
    finally:
        path.write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True, help="a folder for the copy and its build")
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    tree = options.scratch / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tree)], check=True)
    mutants, total = drawn(tree)
    slowest = 0.0
    for suites in SUITES.values():
        for suite in suites:
            cargo(options.scratch, ["test", "--no-run", *suite], 1800)
            start = time.time()
            passed, output = cargo(options.scratch, ["test", *suite], 1800)
            if not passed:
                sys.exit(f"the tests fail without any mutant:\n{output[-2000:]}")
            slowest = max(slowest, time.time() - start)
    patience = max(180, 8 * slowest)  # a machine that is busy must not make a mutant look caught
    log = options.scratch / "verdicts.jsonl"
    known = {v["name"]: v for v in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    tried = []
    for mutant in mutants:
        if len(tried) == options.count:
            break
        start = time.time()
        if mutant["name"] in known:
            outcome, by = known[mutant["name"]]["outcome"], known[mutant["name"]]["by"]
        else:
            outcome, by = verdict(options.scratch, mutant, patience)
            with log.open("a") as out:
                out.write(json.dumps(dict(name=mutant["name"], outcome=outcome, by=by)) + "\n")
        print(f"{outcome:16} {mutant['name']}  {by}  ({time.time() - start:.0f} s)", flush=True)
        if outcome != "doesn't compile":
            tried.append((mutant["name"], outcome, by))
    caught = sum(outcome == "caught" for _, outcome, _ in tried)
    print(f"{caught} of {len(tried)} caught, drawn from {total}")
    rows = "".join(f"| {name.replace('|', chr(92) + '|')} | {outcome} | {by} |\n" for name, outcome, by in tried)
    (options.scratch / "table.md").write_text(f"| mutant | outcome | by |\n| --- | --- | --- |\n{rows}")


if __name__ == "__main__":
    main()
