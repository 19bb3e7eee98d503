#!/usr/bin/env python3
"""Trains every preset for 10,000 steps and more, and measures what its resident memory does meanwhile.

    cargo build --release
    tools/flat-memory.py [PRESET…] [--glassbox target/release/glassbox] [--steps 10000] [--set KEY=VALUE]… [--markdown FILE]

`VmRSS` of /proc/PID/status is read a hundred times a second, with the number of steps that metrics.jsonl has by then. The
first thousand steps don't count, in which the process makes room for samples, evaluations and checkpoints; from then on the median
of the first tenth of the readings is compared with that of the last tenth. Fails if one differs by 1% or more. Linux only;
needs nothing but Python.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

WARM_UP = 1000


def resident(pid):
    """VmRSS in kB, or None once the process has ended."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
    except FileNotFoundError:
        pass
    return None


def measure(glassbox, preset, steps, settings):
    """Trains the preset; the readings (steps taken, kB) after the warm-up, and the seconds of the whole run."""
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        line = [glassbox, "train", preset, "--out", run, "--steps", str(WARM_UP + steps)]
        line += [word for setting in settings for word in ("--set", setting)]
        begun, readings, lines, metrics = time.monotonic(), [], 0, None
        with open(os.path.join(folder, "said"), "w+") as said:
            process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=said)
            while process.poll() is None:
                time.sleep(0.01)
                if metrics is None:
                    try:
                        metrics = open(os.path.join(run, "metrics.jsonl"), "rb")
                    except FileNotFoundError:
                        continue
                lines += metrics.read().count(b"\n")
                kilobytes = resident(process.pid)
                # What comes after the last step, pictures and the report, is no step.
                if kilobytes and WARM_UP <= lines < WARM_UP + steps:
                    readings.append((lines, kilobytes))
            if process.returncode:
                said.seek(0)
                sys.exit(f"flat-memory: {' '.join(line)}: {said.read().strip()}")
        return readings, time.monotonic() - begun


def change(readings):
    """The medians of the first and of the last tenth, in kB, and the change in per cent."""
    tenth = max(1, len(readings) // 10)
    before, after = (statistics.median(k for _, k in part) for part in (readings[:tenth], readings[-tenth:]))
    return before, after, 100 * (after - before) / before


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="all of `glassbox list` unless some are named")
    parser.add_argument("--glassbox", default="target/release/glassbox")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--markdown", metavar="FILE", help="also write the table there")
    options = parser.parse_args()
    presets = options.presets
    if not presets:
        listed = json.loads(subprocess.check_output([options.glassbox, "list", "--json"]))
        presets = [preset["name"] for preset in listed["presets"] if not preset["name"] == "vae"]  # a job of two
    rows = ["| preset | kB after 1,000 steps | kB at the end | change | most | readings | seconds |", "| --- " * 7 + "|"]
    worst = 0.0
    for preset in presets:
        readings, seconds = measure(options.glassbox, preset, options.steps, options.settings)
        if len(readings) < 20:
            sys.exit(f"flat-memory: {preset}: {len(readings)} readings are too few; give more --steps")
        before, after, percent = change(readings)
        worst = max(worst, abs(percent))
        most = max(k for _, k in readings)
        rows.append(f"| {preset} | {before:,.0f} | {after:,.0f} | {percent:+.2f}% | {most:,} | {len(readings)} | {seconds:.0f} |")
        print(rows[-1], file=sys.stderr)
    text = "\n".join(rows) + "\n"
    print(text)
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(text)
    if worst >= 1:
        sys.exit(f"flat-memory: memory changed by {worst:.2f}%; below 1% is flat")


if __name__ == "__main__":
    main()
