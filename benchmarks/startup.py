"""How long `darkhorse --help` takes: fresh interpreters, wall clock; the limit is half a second.

Run: python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9
LIMIT_SECONDS = 0.5
CALL = "import sys; from darkhorse.cli import main; sys.exit(main(['--help']))"


def measure() -> list[float]:
    """Seconds of each run, after one that warms the disk cache."""
    seconds = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", CALL], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main() -> int:
    seconds = measure()
    median = statistics.median(seconds)
    print("| command | runs | median | slowest | limit |")
    print("|---|---|---|---|---|")
    print(f"| darkhorse --help | {RUNS} | {median:.3f} s | {max(seconds):.3f} s | {LIMIT_SECONDS} s |")
    return 0 if median < LIMIT_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
