#!/usr/bin/env python3
"""Our engine against what a user would run instead: the same work, interleaved round by round on one machine.

    python compare.py [--threads 1 2] [--only TEXT…] [--rounds 25] [--out FILE.md] [--json FILE] [--venv FOLDER]

Servers speak the protocol of rounds.py: ours (the example `serve_rounds` of the package glassbox-benches, which also serves
the crates `gemm` and `matrixmultiply`), PyTorch's kernels.py and steps.py, and
OpenBLAS's openblas.py. rows.py says what is timed. In
every round each contestant of a row is timed once, in turning order, so that a slow spell of a shared machine meets all of
them; meanwhile the others are stopped (SIGSTOP), because OpenBLAS's and OpenMP's idle workers spin for tens of milliseconds
after a call, on the cores of whoever is next. A ratio is the median over the rounds of the paired ratio (the peer's time / our time: above 1 we are faster) with an
interval that holds the true median with at least 95% confidence, whatever the distribution (order statistics).

The floor of a row is the larger of its FLOPs over the measured peak and its bytes over the measured bandwidth of their mix, both
measured by our server with the same threads; `of floor` is the floor over our time. A target counts as reached at the lower of
the ratio that is aimed at (0.98 for 1.0) and 88% of the floor.

Where PyTorch is missing, a virtual environment with it is made once in --venv. --only keeps the rows whose group or name
contains one of the texts.
"""

import argparse
import atexit
import importlib.util
import json
import math
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

import rows

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS = "cargo run --release --quiet -p glassbox-benches --example serve_rounds --"
# How often the FMA peak is measured at first: a slow spell would make it too low.
PEAKS = 5


class Server:
    """A child process which speaks the protocol of rounds.py, and is stopped except for its own rounds."""

    def __init__(self, label, command):
        self.label = label
        env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        self.child = subprocess.Popen(command, cwd=ROOT, env=env, text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.child.kill)  # a process that is stopped would never see that its driver has gone

    def round(self, name):
        """Seconds of one call of `name`, or None where the server does not know it."""
        self.child.send_signal(signal.SIGCONT)
        try:
            self.child.stdin.write(name + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: the empty answer below says so
        answer = self.child.stdout.readline()
        self.child.send_signal(signal.SIGSTOP)
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
        self.child.send_signal(signal.SIGCONT)
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


def verdict(row, ratio, share, peak_share, seconds):
    """"yes" or "no", by what the row aims at; an empty text where nothing is aimed at."""
    if row.seconds is not None:
        return "yes" if seconds <= row.seconds else "no"
    reached = []
    if row.target is not None:
        at_least = 0.98 if row.target == 1.0 else row.target
        reached.append(ratio >= at_least or (share is not None and share >= 0.88))
    if row.of_bandwidth is not None:
        fast_enough = share is not None and share >= row.of_bandwidth
        # "or": the norms; "and": what must be as fast as the peers as well
        reached = [any(reached) or fast_enough] if row.target not in (None, 1.0) else [*reached, fast_enough]
    if row.of_peak is not None:
        reached.append(peak_share is not None and peak_share >= row.of_peak)
    return "" if not reached else "yes" if all(reached) else "no"


def aims(row):
    """What a row aims at, in words."""
    words = [] if row.target is None else [f"≥ {row.target:g}"]
    if row.of_bandwidth is not None:
        words.append(f"{row.of_bandwidth:.0%} of bandwidth")
    if row.of_peak is not None:
        words.append(f"{row.of_peak:.0%} of peak")
    if row.seconds is not None:
        words.append(f"≤ {row.seconds * 1e6:g} µs")
    joint = " or " if row.target not in (None, 1.0) else ", "
    return joint.join(words)


def seconds_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def rate(row, seconds):
    flops, read, written = rows.cost(row.name)
    bound_by_bytes = read + written > 0 and flops < 16 * (read + written)
    if flops and not bound_by_bytes:
        return f"{flops / seconds / 1e9:.1f} GFLOP/s"
    return f"{(read + written) / seconds / 1e9:.1f} GB/s" if read + written else ""


def measured(row, threads, times, floor, peak):
    """One line of the table, as a dictionary."""
    mine = times["ours"]
    ours = statistics.median(mine)
    ratios = {label: median_interval([p / o for p, o in zip(theirs, mine)])
              for label, theirs in times.items() if label != "ours"}
    best = min(ratios, key=lambda label: ratios[label][1])
    share = floor / ours if floor else None
    peak_share = rows.cost(row.name)[0] / ours / peak if peak else None
    low, mid, high = ratios[best]
    return {"name": row.name, "threads": threads, "ours": ours, "rate": rate(row, ours), "best": best,
            "best_seconds": statistics.median(times[best]), "ratio": mid, "low": low, "high": high,
            "others": {label: r[1] for label, r in ratios.items() if label != best}, "floor": floor, "share": share,
            "aim": aims(row), "reached": verdict(row, mid, share, peak_share, ours), "samples": times}


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "an unnamed processor"


def markdown(groups, rounds, versions, shares, peaks):
    used = ", ".join("unknown" if s is None else f"{s:.0%}" for s in shares)
    peak = ", ".join(f"{p / 1e9:.0f} GFLOP/s" if p else "unknown" for p in peaks)
    lines = [f"{processor()}, {os.cpu_count()} cores; {versions}; medians of {rounds} interleaved rounds of about 30 ms each. Above 1",
             f"we are faster. FMA peak for each number of threads: {peak}. Processes other than the contestants used this share",
             f"of the cores meanwhile: {used}. Made by `tools/peers/compare.py`.", ""]
    head = ("work", "threads", "ours", "rate", "of floor", "best peer", "its time / ours", "95% interval", "other peers", "aim", "reached")
    for group, table in groups.items():
        if not table:
            continue
        lines += [f"## {group[0].upper()}{group[1:]}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        for m in table:
            share = "" if m["share"] is None else f"{m['share']:.0%}"
            others = ", ".join(f"{label} {ratio:.2f}" for label, ratio in m["others"].items())
            cells = (f"`{m['name']}`", m["threads"], seconds_text(m["ours"]), m["rate"], share, m["best"], f"{m['ratio']:.3f}",
                     f"{m['low']:.3f} to {m['high']:.3f}", others, m["aim"], m["reached"])
            lines.append("| " + " | ".join(map(str, cells)) + " |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--out", type=pathlib.Path, help="write the table there, as Markdown")
    parser.add_argument("--json", type=pathlib.Path, help="write all samples there")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "target" / "peers-venv")
    parser.add_argument("--ours", default=OURS, help="command of our server; the number of threads is added to it")
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out: it takes seconds for each row")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that the servers end, too
    if args.rounds < 15:
        parser.error("--rounds: at least 15, or the interval says little")
    chosen = {group: [row for row in table if any(text in group or text in row.name for text in args.only)]
              for group, table in rows.GROUPS.items()}
    if not any(chosen.values()):
        parser.error(f"--only: no row contains {' or '.join(map(repr, args.only))}")

    python = python_with_torch(args.venv.absolute())
    versions = subprocess.run([python, "-c", "import torch, numpy; print('PyTorch', torch.__version__, '; NumPy', numpy.__version__)"],
                              check=True, capture_output=True, text=True).stdout.strip().replace(" ;", ";")
    tables, shares, peaks = {group: [] for group in chosen}, [], []
    for threads in args.threads:
        ours = Server("ours", [*args.ours.split(), str(threads)])
        torch = Server("PyTorch", [python, str(HERE / "kernels.py"), str(threads), *(["--eager"] if args.eager else [])])
        servers = {"ours": ours, "gemm": ours, "matrixmultiply": ours, "PyTorch": torch}
        if chosen["training steps"]:
            servers["steps"] = Server("PyTorch's steps", [python, str(HERE / "steps.py"), str(threads), "--serve",
                                                           *(["--eager"] if args.eager else [])])
        if any("OpenBLAS" in row.peers for table in chosen.values() for row in table):
            servers["OpenBLAS"] = Server("OpenBLAS", [python, str(HERE / "openblas.py"), str(threads)])
        processes = list({id(server): server for server in servers.values()}.values())
        for server in processes:
            server.wait_until_ready()

        def floor_of(row, server=ours):
            return server.round("floor:{}:{}:{}".format(*map(int, rows.cost(row.name))))

        unit = min(ours.round("floor:1000000000:0:0") for _ in range(PEAKS))  # a GFLOP
        peaks.append(1e9 / unit)
        bystanders = Bystanders(processes)
        for group, table in chosen.items():
            for row in table:
                def server(label):
                    return servers["steps" if label == "PyTorch" and row.name.startswith("step:") else label]
                peers = [(label, server(label), f"{label}/{row.name}" if server(label) is ours else row.name)
                         for label in row.peers]
                # The memory of a shared machine is twice as fast at one time as at another: its ceiling is measured right
                # before a row and right after it, and the better one counts.
                before = floor_of(row)
                times = contest((ours, row.name), peers, args.rounds)
                if not times:
                    continue
                floor = before and min(before, floor_of(row))
                line = measured(row, threads, times, floor, peaks[-1])
                tables[group].append(line)
                print(f"{row.name} ({threads}): {seconds_text(line['ours'])}, {line['ratio']:.3f} of {line['best']}, "
                      f"floor {line['share'] or 0:.0%} {line['reached']}", file=sys.stderr, flush=True)
        shares.append(bystanders.share())
        for server in processes:
            server.close()
    text = markdown(tables, args.rounds, versions, shares, peaks)
    print(text)
    if args.json:
        args.json.write_text(json.dumps({"processor": processor(), "rounds": args.rounds, "versions": versions, "groups": tables}))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)
    if not any(tables.values()):
        sys.exit("nothing was compared")


if __name__ == "__main__":
    main()
