"""What the PyTorch peers share: a fair environment, timing, and the line protocol of `compare.py`.

The protocol: the server reads a name on a line of standard input, times one round of it (as many calls as fill
about 30 ms), prints the seconds of one call on a line, and flushes. For a name that it does not know it prints
`unknown NAME`. It computes only between the two, so that a driver can interleave several servers on one machine.
"""

import os
import statistics
import sys
import time

ROUND_SECONDS = 0.03

# glibc's malloc gives large blocks back to the system after each use, and on some machines the page faults of the
# next use cost PyTorch a good part of a step. These settings make it keep them: PyTorch at its best.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "67108864"}


def prepare(threads, keep_memory=True):
    """Restarts this script in the environment that it needs. To be called before `import torch`."""
    want = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    if keep_memory:
        want |= KEEP_MEMORY
    # Set on some machines for the sake of old OpenBLAS builds; they slow a current one.
    drop = [name for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ]
    if drop or any(os.environ.get(k) != v for k, v in want.items()):
        env = {k: v for k, v in os.environ.items() if k not in drop} | want
        os.execve(sys.executable, [sys.executable, *sys.argv], env)


def time_calls(call, calls):
    """Seconds of one of `calls` calls in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def calls_per_round(call):
    """How many calls fill a round; warms `call` up."""
    call()
    seconds = min(time_calls(call, 1) for _ in range(7))
    return max(1, round(ROUND_SECONDS / max(seconds, 1e-7)))


def measure(call, rounds=25):
    """(median, least) of the seconds of one call, over `rounds` rounds."""
    calls = calls_per_round(call)
    times = [time_calls(call, calls) for _ in range(rounds)]
    return statistics.median(times), min(times)


def serve(make):
    """Serves the protocol on standard input; `make(name)` returns a callable, or None for an unknown name."""
    known = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in known:
            call = make(name)
            known[name] = call and (call, calls_per_round(call))
        if known[name] is None:
            print(f"unknown {name}", flush=True)
        else:
            call, calls = known[name]
            call()  # wakes the workers up: the driver paused
            print(f"{time_calls(call, calls):.9g}", flush=True)
