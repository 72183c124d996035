"""Several inputs for one program: as if each had been run alone, whatever the program does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.sandbox import series
from darkhorse.sandbox.pool import Execution, Pool, Work
from darkhorse.sandbox.protocol import RunLimits
from sandboxed import QUICK, Judge, call, text

ENDED = {"returncode": 0, "timed_out": False, "wall_s": 0.1, "cpu_s": 0.1, "memory_mb": 9.5}


def run(source: str, *inputs: str, limits: RunLimits = QUICK) -> list[Execution]:
    """The executions a fork server makes of a script in one go."""

    async def main() -> list[Execution]:
        pool = Pool(1, first_slot=50)
        await pool.start()
        try:
            each = [{"mode": "script", "interactive": False, "stdin": stdin} for stdin in inputs]
            first = await pool.execute(Work(limits, request={"code": source}, series=each))
            assert pool.restarts == 0
            honest = await pool.execute(Work(limits, request={"code": "print(input())"}, series=each[:1]))
            assert [one.stdout.decode() for one in honest.series] == [inputs[0] + "\n"]
            return first.series
        finally:
            pool.stop()

    return asyncio.run(main())


def test_each_input_has_its_own_output() -> None:
    found = run("import sys\nn = int(input())\nprint(n * 2)\nprint('e', file=sys.stderr)\nsys.exit(n)", "1", "2", "0")
    assert [one.stdout for one in found] == [b"2\n", b"4\n", b"0\n"]
    assert [one.returncode for one in found] == [1, 2, 0]
    assert [one.stderr for one in found] == [b"e\n"] * 3
    assert all(0 < one.cpu_s < 1 and 0 < one.wall_s < 1 and one.memory_mb > 1 for one in found)


def test_it_ends_after_a_run_that_takes_too_long() -> None:
    found = run("n = int(input())\nwhile n == 2: pass", "1", "2", "3")
    assert [one.timed_out for one in found] == [False, True]


@pytest.mark.parametrize(
    "mark",
    [
        "open('left', 'w')",
        "os.mkdir('left')",
        "os.symlink('/', 'left')",
        "os.chmod('.', 0)",
        "os.utime('.', (0, 0))",
    ],
)
def test_it_ends_where_something_is_left_behind(mark: str) -> None:
    assert len(run(f"import os\n{mark}", "1", "2", "3")) == 1


@pytest.mark.parametrize(
    "attack",
    [
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.kill(0, 9)",
        "os.killpg(os.getpgid(os.getppid()), 9)",
        "os.fork()",
        "os.memfd_create('x')",
        "os.pidfd_open(os.getppid())",
        "open(f'/proc/{os.getppid()}/mem', 'r+b')",
        "os.listdir('/proc/self/fd')",
    ],
)
def test_a_run_cannot_reach_the_others(attack: str) -> None:
    found = run(f"import os\n{attack}", "1", "2", "3")
    assert [one.returncode for one in found] == [1, 1, 1], found


def test_a_run_holds_no_descriptor_but_its_own() -> None:
    source = """
import fcntl
for fd in range(3, 1024):
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
        print(fd)
    except OSError:
        pass
"""
    assert [one.stdout for one in run(source, "1", "2")] == [b"3\n"] * 2


def test_a_run_sees_neither_inputs_nor_outputs_of_others() -> None:
    source = """
import gc
print("output of", input())
found = " ".join(repr(o)[:99_999] for o in gc.get_objects())
print([n for n in "123" if "secret " + n in found])
"""
    found = run(source, "secret 1", "secret 2", "secret 3")
    assert [one.stdout.decode().splitlines()[-1] for one in found] == ["['1']", "['2']", "['3']"]


def test_a_result_without_its_mark_is_no_result() -> None:
    assert run("import os\nos.ftruncate(3, 0)\nprint(1)", "1", "2") == []


def test_memory_that_ran_out_says_so() -> None:
    found = run("x = bytearray(1 << 40) if input() == '2' else 0", "1", "2", "3")
    assert [(one.claim or {}).get("status") for one in found] == [None, "memory", None]


PROGRAMS = {
    "right": "def f(x): return x + 1\nif __name__ == '__main__': print(f(int(input())))",
    "wrong": "def f(x): return x\nif __name__ == '__main__': print(input())",
    "sometimes": "def f(x): return 1 // (x - 2) and x + 1\nif __name__ == '__main__': print(f(int(input())))",
    "compile": "def f(x: return x",
    "never": "raise ValueError('no')",
    "leaves": "open('left', 'w')\ndef f(x): return x + 1\nif __name__ == '__main__': print(f(int(input())))",
    "needs_empty": "import os\nassert not os.listdir('.')\nopen('left', 'w')\ndef f(x): return x + 1",
    "random": "import random\nprint(random.random())\ndef f(x): return random.random()",
    "exits": "import os\ndef f(x): os._exit(0)\nif __name__ == '__main__': os._exit(0)",
    "killed": "import os\ndef f(x): os.kill(os.getpid(), 9)\nif __name__ == '__main__': f(1)",
    "loud": "def f(x): print('x' * 100_000)\nif __name__ == '__main__': f(1)",
    "deep": "def f(x): return f(x)\nif __name__ == '__main__': f(1)",
    "warns": "def f(x): return '\\d' and x + 1\nif __name__ == '__main__': print(f(int(input())))",
    "session": "import os\nos.setsid()\ndef f(x): return x + 1",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_tests_together_are_as_tests_alone(judge: Judge, name: str) -> None:
    source = PROGRAMS[name]
    for tests in ([call(n, expected=n + 1) for n in range(4)], [text(f"{n}\n", f"{n + 1}\n") for n in range(4)]):
        alone = [judge(source, test).tests[0] for test in tests]
        together = judge(source, *tests).tests
        keep: dict[str, Any] = {"exclude": {"wall_s", "cpu_s", "memory_mb", "stderr"}}
        assert [one.model_dump(**keep) for one in together] == [one.model_dump(**keep) for one in alone]


def test_large_inputs_of_others_take_no_memory(judge: Judge) -> None:
    many = [call("x" * (4 << 20), expected=4 << 20)] * 12
    assert judge("def f(x): return len(x)", *many, limits=RunLimits(memory_mb=64)).accepted


def record(outcome: dict[str, Any], *contents: bytes) -> bytes:
    header = json.dumps({**outcome, "sizes": [len(content) for content in contents]}).encode()
    return header + b"\n" + b"".join(contents)


def test_records_are_read_up_to_the_first_that_is_not_whole() -> None:
    one = record(ENDED, b"a\nb", b"", b"{}")
    assert series.records(one + one) == [(ENDED, [b"a\nb", b"", b"{}"])] * 2
    assert series.records(one + one[:-1]) == [(ENDED, [b"a\nb", b"", b"{}"])]


@pytest.mark.parametrize(
    "header",
    [
        {**ENDED, "sizes": [-1, 1, 1]},
        {**ENDED, "sizes": [0, 0]},
        {**ENDED, "sizes": [0, 0, 0], "returncode": "0"},
        {**ENDED, "sizes": [0, 0, 0], "out_of_memory": False},
        {"sizes": [0, 0, 0]},
        [],
        None,
        "sizes",
    ],
)
def test_forged_records_are_none(header: Any) -> None:
    assert series.records(json.dumps(header).encode() + b"\n") == []


@given(st.binary(max_size=200))
def test_reading_records_never_raises(noise: bytes) -> None:
    assert series.records(noise) == []
    assert series.records(record(ENDED, b"", b"", b"") + noise) == [(ENDED, [b"", b"", b""])]
