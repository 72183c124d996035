"""How long `darkhorse --help` takes: fresh interpreters, wall clock; the limit is half a second.

Run: python benchmarks/startup.py --json benchmarks/results/startup.json
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from _writing import write_json

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
    """Command line; the exit status says whether the median keeps the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    path: Path | None = parser.parse_args().json
    seconds = measure()
    median = statistics.median(seconds)
    print("| command | runs | median | slowest | limit |")
    print("|---|---|---|---|---|")
    print(f"| darkhorse --help | {RUNS} | {median:.3f} s | {max(seconds):.3f} s | {LIMIT_SECONDS} s |")
    write_json(path, {"help_seconds": {"median": median, "slowest": max(seconds)}})
    return 0 if median < LIMIT_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
