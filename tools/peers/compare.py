#!/usr/bin/env python3
"""Our engine against what a user would run instead: the same work, interleaved round by round on one machine.

    python compare.py [--threads 1 2] [--sizes 512 1024] [--rounds 25] [--out FILE.md] [--venv FOLDER]

Three servers speak the protocol of rounds.py: ours (the example `serve_rounds` of the package glassbox-benches, which
also serves the crates `gemm` and `matrixmultiply`), and PyTorch's sgemm.py and train_step.py. In every round each
contestant of a row is timed once, in turning order, so that a slow spell of a shared machine meets all of them. A row
is the median over the rounds of the paired ratio (the peer's time / our time: above 1 we are faster) with an interval
that holds the true median with at least 95% confidence, whatever the distribution (order statistics).

A name that a server does not know is left out, with a line that says so. Where PyTorch is missing, a virtual
environment with it is made once in --venv.
"""

import argparse
import importlib.util
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS = "cargo run --release --quiet -p glassbox-benches --example serve_rounds --"
# PyTorch's idle workers spin for a few milliseconds after a call; the next contestant does not pay for that.
SETTLE_SECONDS = 0.02


class Server:
    """A child process which speaks the protocol of rounds.py."""

    def __init__(self, label, command):
        self.label = label
        env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        self.child = subprocess.Popen(command, cwd=ROOT, env=env, text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def round(self, name):
        """Seconds of one call of `name`, or None where the server does not know it."""
        try:
            self.child.stdin.write(name + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: the empty answer below says so
        answer = self.child.stdout.readline()
        if not answer:
            sys.exit(f"{self.label} ended while it was asked for {name} (its own message is above)")
        try:
            seconds = float(answer)
        except ValueError:
            return None
        return seconds if 0 < seconds < math.inf else None

    def wait_until_ready(self):
        """Returns when the server has started, so that its start does not slow another's rounds."""
        self.round("ready")  # no server knows the name

    def cpu_seconds(self):
        """Processor time that the server has used, over all its threads."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def python_with_torch(venv):
    """This interpreter where it has PyTorch, otherwise that of a virtual environment, made if need be."""
    if importlib.util.find_spec("torch"):
        return sys.executable
    python = venv / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", "import torch"], capture_output=True).returncode:
        print(f"PyTorch is missing: installing it in {venv} (a few GB)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "torch", "numpy"], check=True)
    return str(python)


def median_interval(values, confidence=0.95):
    """(low, median, high): the k-th least and greatest values, k the largest for which
    P(k <= Binomial(n, 1/2) <= n - k) >= confidence, so that the interval holds the true median that often."""
    v, n, k = sorted(values), len(values), 0
    while 2 * k + 2 < n and sum(math.comb(n, i) for i in range(k + 1, n - k)) / 2**n >= confidence:
        k += 1
    k = max(k, 1)
    return v[k - 1], statistics.median(v), v[n - k]


def contest(ours, contestants, rounds):
    """Interleaved times: {label: [seconds per round]}, ours under 'ours'; contestants are (label, server, name)."""
    entries = [("ours", *ours), *contestants]
    known = []
    for label, server, name in entries:  # the first round of each is its warm-up
        if server.round(name) is None:
            print(f"{label}: {name} is not served, left out", file=sys.stderr)
        else:
            known.append((label, server, name))
    if not known or known[0][0] != "ours" or len(known) == 1:
        return {}
    times = {label: [] for label, _, _ in known}
    for r in range(rounds):
        for i in range(len(known)):
            label, server, name = known[(i + r) % len(known)]
            time.sleep(SETTLE_SECONDS)
            times[label].append(server.round(name))
    return times


class Bystanders:
    """How much of the machine was used by processes other than the contestants: a figure to distrust the table by.

    A product whose work is split evenly waits for the slower core, so that one foreign process can cost a contestant
    ten times its time, and not every contestant alike. On Linux only; elsewhere `share` is None.
    """

    def __init__(self, servers):
        self.servers = servers
        self.start, self.before = time.perf_counter(), self.foreign_seconds()

    def foreign_seconds(self):
        try:
            fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
            busy = sum(int(fields[i]) for i in (0, 1, 2, 5, 6, 7))  # all but idle, iowait and guests
            return busy / os.sysconf("SC_CLK_TCK") - sum(s.cpu_seconds() for s in self.servers)
        except (OSError, ValueError, IndexError):
            return None

    def share(self):
        now = self.foreign_seconds()
        if now is None or self.before is None:
            return None
        return max(0.0, now - self.before) / (time.perf_counter() - self.start) / os.cpu_count()


def flops(name):
    kind, _, size = name.partition(":")
    if kind != "sgemm":
        return None
    d = [int(p) for p in size.split("x")]
    return 2 * math.prod(d * 3 if len(d) == 1 else d)


def speed(seconds, work):
    return f"{work / seconds / 1e9:.1f} GFLOP/s" if work else f"{seconds * 1e3:.3f} ms"


def rows(threads, name, times):
    mine = times.get("ours", [])
    for label, theirs in times.items():
        if label == "ours":
            continue
        low, mid, high = median_interval([p / o for p, o in zip(theirs, mine)])
        yield (name, threads, label, speed(statistics.median(mine), flops(name)),
               speed(statistics.median(theirs), flops(name)), f"{mid:.3f}", f"{low:.3f} to {high:.3f}")


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "an unnamed processor"


def markdown(table, rounds, torch_version, shares):
    used = ", ".join("unknown" if s is None else f"{s:.0%}" for s in shares)
    head = ("work", "threads", "peer", "ours", "peer's", "peer's time / ours", "95% interval")
    lines = ["# Our engine and its peers", "",
             f"{processor()}, {os.cpu_count()} cores; PyTorch {torch_version}; medians of {rounds} interleaved rounds of",
             "about 30 ms each. Above 1 we are faster. Processes other than the contestants used this share of the cores",
             f"meanwhile, for each number of threads: {used}. Made by `tools/peers/compare.py`.", "",
             "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in table]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", nargs="+", default=["512", "1024"], help="N for squares, or MxNxK")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--out", type=pathlib.Path, help="write the table there, as Markdown")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "target" / "peers-venv")
    parser.add_argument("--ours", default=OURS, help="command of our server; the number of threads is added to it")
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out: it takes a minute to compile")
    args = parser.parse_args()
    if args.rounds < 15:
        parser.error("--rounds: at least 15, or the interval says little")

    python = python_with_torch(args.venv.absolute())
    version = subprocess.run([python, "-c", "import torch; print(torch.__version__)"],
                             check=True, capture_output=True, text=True).stdout.strip()
    table, shares = [], []
    for threads in args.threads:
        ours = Server("ours", [*args.ours.split(), str(threads)])
        products = Server("PyTorch", [python, str(HERE / "sgemm.py"), str(threads), "--serve"])
        step = Server("PyTorch", [python, str(HERE / "train_step.py"), str(threads), "--serve",
                                  *(["--eager"] if args.eager else [])])
        for server in (ours, products, step):
            server.wait_until_ready()
        bystanders = Bystanders((ours, products, step))
        for size in args.sizes:
            name = f"sgemm:{size}"
            peers = [("gemm", ours, f"gemm:{size}"), ("matrixmultiply", ours, f"matrixmultiply:{size}"),
                     ("PyTorch", products, name)]
            table += rows(threads, name, contest((ours, name), peers, args.rounds))
        table += rows(threads, "vae_step", contest((ours, "vae_step"), [("PyTorch", step, "vae_step")], args.rounds))
        shares.append(bystanders.share())
        for server in (ours, products, step):
            server.close()
    text = markdown(table, args.rounds, version, shares)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)
    if not table:
        sys.exit("nothing was compared")


if __name__ == "__main__":
    main()
