"""Programs judged over a real socket: what counts as right, and how everything else is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkhorse.sandbox.client import SandboxClient
from darkhorse.sandbox.protocol import RunLimits
from sandboxed import QUICK, Execute, Judge, asserting, call, text


def statuses(result: Any) -> list[str]:
    return [test.status for test in result.tests]


def test_calls(judge: Judge) -> None:
    source = "def f(a, b):\n    print('got', a)\n    return a + b"
    result = judge(source, call(1, 2, expected=3), call(1, 2, expected=4))
    assert statuses(result) == ["accepted", "wrong_answer"]
    assert (result.accepted, result.status) == (False, "wrong_answer")
    assert result.tests[0].stdout == "got 1\n"
    assert result.tests[0].value == 3
    assert result.tests[1].message == "returned 3, expected 4"
    assert judge("def f(a, b): return a + b", call(1, 2, expected=3)).accepted


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("10**4200", 10**4200),
        ("'\\0\\x1b\\u2028'", "\0\x1b\u2028"),
        ("1e308 * 1.5", 1.5e308),
        ("-0.0", 0.0),
        ("'x' * (1 << 20)", "x" * (1 << 20)),
        ("eval('[' * 90 + ']' * 90)", json.loads("[" * 90 + "]" * 90)),
        ("(1, [True, None, 1.5, 'é'], {1: 2**70})", [1, [True, None, 1.5, "é"], {"1": 2**70}]),
        ("__import__('collections').Counter({True: 1, None: 2, 1.5: 3})", {"true": 1, "null": 2, "1.5": 3}),
    ],
)
def test_extreme_values_arrive(judge: Judge, expression: str, value: Any) -> None:
    assert judge(f"def f(): return {expression}", call(expected=value)).accepted


@pytest.mark.parametrize("forged", ["NaN", "1e999", "[" * 50_000, '"\\\\ud800"', "9" * 5_000, "{}", "null", "[[1]]"])
def test_forged_records_never_break_the_server(judge: Judge, forged: str) -> None:
    source = f"""
import gc, os
nonce = next(o["nonce"] for o in gc.get_objects() if type(o) is dict and "nonce" in o and "mode" in o)
os.write(3, ('{{"status": "ok", "nonce": "' + nonce + '", "value": ' + {forged!r} + '}}\\n').encode())
os._exit(0)
"""
    assert statuses(judge(source, call(expected=7))) in (["runtime_error"], ["wrong_answer"])


def test_every_test_has_a_process_of_its_own(judge: Judge) -> None:
    source = "n = 0\ndef f():\n    global n\n    n += 1\n    return n"
    assert judge(source, *[call(expected=1)] * 3).accepted
    assert judge(source, asserting("assert f() == 1\nassert f() == 2"), asserting("assert f() == 1")).accepted


def test_what_follows_a_failure(judge: Judge) -> None:
    source = "def f(x):\n    while x == 1: pass\n    return x"
    tests = [call(0, expected=9), call(1, expected=1), call(2, expected=2), call(3, expected=3)]
    first = judge(source, *tests, stop_on_first_failure=True)
    assert statuses(first) == ["wrong_answer", "not_run", "not_run", "not_run"]
    after = judge(source, *[tests[1]] * 2, *[tests[2]] * 5)
    assert after.status == "time_limit"
    assert statuses(after)[:3] == ["time_limit", "not_run", "not_run"]


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        ("float('nan')", "runtime_error"),
        ("{1, 2}", "runtime_error"),
        ("type('I', (int,), {'__eq__': lambda a, b: True})(3)", "runtime_error"),
        ("'\\ud800'", "runtime_error"),
        ("10**5000", "runtime_error"),
        ("{1: 0, '1': 0}", "runtime_error"),
        ("{(1,): 0}", "runtime_error"),
        ("f()", "runtime_error"),
        ("1/0", "runtime_error"),
        ("bytearray(1 << 40)", "memory_limit"),
        ("exit(0)", "runtime_error"),
        ("__import__('os')._exit(0)", "runtime_error"),
        ("__import__('ctypes').string_at(0)", "runtime_error"),
        ("(", "compile_error"),
    ],
)
def test_calls_that_return_nothing_usable(judge: Judge, expression: str, status: str) -> None:
    source = f"def f(): return {expression}"
    assert statuses(judge(source, call(expected=3))) == [status]


def test_what_pretends_to_be_a_number_is_none(judge: Judge) -> None:
    source = (
        "class I(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef f(): return I(3)"
    )
    assert judge(source, call(expected=3)).status == "runtime_error"
    assert judge(source, asserting("assert f() == 3")).status == "wrong_answer"


def test_scripts(execute: Execute, judge: Judge) -> None:
    assert judge("print(int(input()) + 1)", text("1\n", "2"), text("41\n", "42\n")).accepted
    assert execute("import sys\nsys.exit(3)").exit_code == 3
    late = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()"
    assert execute(late).stdout == "late\n"
    failed = execute("x = [\n1/0]")
    assert failed.status == "runtime_error"
    assert failed.message == "ZeroDivisionError: division by zero"
    assert "line 2" in failed.stderr
    assert "harness" not in failed.stderr
    assert execute("print(3)\0").status == "compile_error"
    assert execute("1\n2 + 2", interactive=True).stdout == "4\n"
    assert execute("import colorsys, unittest").status == "accepted"  # the whole library, not only what is warm


def test_traps_of_other_graders(judge: Judge) -> None:
    """Each has made some grader reject honest work, or accept what is none."""
    assert judge("print('x' * 190_000)", text("", "x" * 190_000), limits=RunLimits(output_kb=256)).accepted
    assert judge("a, b = map(int, input().split())\nprint(a + b)\nexit(0)", text("1 2", "3")).accepted
    assert judge("def f(): return 1\nexit(0)", call(expected=1)).accepted
    assert judge("print(1)", text("", "1\n2\n")).status == "wrong_answer"
    assert judge("print(1)\nprint(2)\nprint(3)", text("", "1\n2\n")).status == "wrong_answer"
    assert judge("1/0", text("", "")).status == "runtime_error"
    assert judge("print(3)\nraise SystemExit(1)", text("", "3")).status == "runtime_error"


def test_endings(execute: Execute) -> None:
    assert execute("import time\ntime.sleep(60)").status == "time_limit"
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert execute(stubborn, limits=RunLimits(wall_s=20, cpu_s=1)).status == "time_limit"
    assert execute("while True: print('x' * 1000)").status == "output_limit"
    recursion = "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(s): return repr(s)\nrepr(A())"
    assert execute(recursion).status in ("runtime_error", "memory_limit", "time_limit")
    vandal = "import os\nfor fd in range(3, 100):\n    try: os.write(fd, b'junk')\n    except OSError: pass\n"
    assert execute(vandal + "os.closerange(0, 99)").status in ("accepted", "runtime_error")
    assert execute("print(1)").stdout == "1\n"


def test_the_same_program_sees_the_same_random_numbers(execute: Execute) -> None:
    draw = "import random\nprint(random.random(), list({'a', 'b', 'c'}))"
    assert len({execute(draw).stdout for _ in range(4)}) == 1


def test_resources_are_reported(execute: Execute) -> None:
    result = execute("data = bytearray(50 << 20)\nimport time\ntime.sleep(0.2)\nsum(range(10**6))")
    assert 0.2 < result.wall_s < 0.7
    assert 0.005 < result.cpu_s < 0.5
    assert 50 < result.memory_mb < 200


def test_leetcode_conventions(judge: Judge) -> None:
    method = "class Solution:\n    def twoSum(self, nums: List[int], target: int) -> List[int]:\n        return [0, 1]"
    assert judge(method, call([2, 7], 9, expected=[0, 1], function="Solution.twoSum")).accepted
    reverse = """
class Solution:
    def reverse(self, head: Optional[ListNode]) -> Optional[ListNode]:
        previous = None
        while head:
            head.next, previous, head = previous, head, head.next
        return previous
"""
    assert judge(reverse, call([1, 2, 3], expected=[3, 2, 1], function="Solution.reverse")).accepted
    merge = """
class Solution:
    def merge(self, lists: List[Optional[ListNode]]) -> Optional[ListNode]:
        return lists[1]
"""
    assert judge(merge, call([[1], [2, 3]], expected=[2, 3], function="Solution.merge")).accepted
    invert = """
def invert(root: "TreeNode"):
    if root:
        root.left, root.right = invert(root.right), invert(root.left)
    return root
"""
    assert judge(invert, call([1, 2, 3, None, 4], expected=[1, 3, 2, None, None, 4], function="invert")).accepted
    assert judge("def g(): pass", call(function="f")).tests[0].message == "NameError: name 'f' is not defined"


def test_assertions_see_values_not_processes(judge: Judge) -> None:
    source = """
import collections
LIMIT = 7
class Pair:
    def __init__(self, a, b): self.a, self.b = a, b
    def total(self): return self.a + self.b
def longest(pairs): return max(pair.b for pair in pairs)
def f(x): return (x, {x}, frozenset({1}), {1: 'a'}, 2j, b'z', float('inf'), collections.Counter('aab'))
def change(items): items.append(9); items[0] = 'first'
def fail(x): raise ValueError('no ' + str(x))
def numbers():
    n = 0
    while True:
        yield n
        n += 1
"""
    test = """
import itertools
assert f(3) == (3, {3}, frozenset({1}), {1: 'a'}, 2j, b'z', math.inf, {'a': 2, 'b': 1})
assert type(f(3)) is tuple
pair = Pair(1, 5)
assert pair.total() == 6 and pair.a == 1 and isinstance(pair, Pair)
pair.a = 10
assert pair.total() == 15
assert longest([Pair(5, 24), pair]) == 24
items = [1, 2]
change(items)
assert items == ['first', 2, 9]
try:
    fail(3)
except ValueError as error:
    assert str(error) == 'no 3'
else:
    raise AssertionError('nothing was raised')
assert list(itertools.islice(numbers(), 3)) == [0, 1, 2]
assert LIMIT == 7
"""
    result = judge(source, asserting(test))
    assert result.accepted, result.tests[0].message


@pytest.mark.parametrize(
    ("source", "code", "status"),
    [
        ("def f(): return 1", "assert f() == 2", "wrong_answer"),
        ("def f(): return 1 / 0", "assert f() == 2", "runtime_error"),
        ("def f(): assert False", "assert f() == 2", "runtime_error"),
        ("def f(): return None", "assert f() < 2", "runtime_error"),
        ("", "assert f() == 2", "runtime_error"),
        ("def f(): return (", "assert f() == 2", "compile_error"),
        ("def f():\n    while True: pass", "assert f() == 2", "time_limit"),
        ("def f(): return bytearray(1 << 40)", "assert f() == 2", "memory_limit"),
        ("import os\ndef f(): os._exit(0)", "assert f() == 2", "runtime_error"),
        ("import os\nos._exit(0)", "assert f() == 2", "runtime_error"),
        ("def f(): raise SystemExit(0)", "assert f() == 2", "runtime_error"),
        ("def f(x): raise StopIteration", "assert all(map(lambda x: f(x) == 2, [1]))", "runtime_error"),
        ("class math: isclose = lambda *a: True\ndef f(): return 1", "assert math.isclose(f(), 2)", "wrong_answer"),
        ("import types\nm = types.ModuleType('winreg')", "assert m.sqrt(4) == 2", "runtime_error"),
        ("def f(): return 2", "assert f( == 2", "infrastructure_error"),
        ("def f(): return 2", "import nothing_of_that_name", "infrastructure_error"),
    ],
)
def test_assertions_that_fail(judge: Judge, source: str, code: str, status: str) -> None:
    result = judge(source, asserting(code))
    assert statuses(result) == [status]
    assert result.tests[0].message


def test_built_in_names_are_the_programs_only_on_demand(judge: Judge) -> None:
    source = "def sum(a, b): return 3\ndef len(x): return 7\ndef f(x, kind): return kind(x)"
    assert judge(source, {**asserting("assert sum(1, 2) == 3"), "names": ["sum"]}).accepted
    assert judge(source, asserting("assert len([1]) == 1\nassert f('3', int) == 3")).accepted


def test_tests_meet_objects_as_python_has_them(judge: Judge) -> None:
    nodes = "class Node:\n    def __init__(s, v, n=None): s.v, s.n = v, n\ndef f(): return Node(1, Node(2))"
    assert judge(nodes, asserting("node, n = f(), 0\nwhile node:\n    node, n = node.n, n + 1\nassert n == 2")).accepted
    linked = asserting("assert f(ListNode(1, ListNode(2))).val == 2")
    assert judge("def f(head): return head.next", linked).accepted
    own = "class ListNode:\n    def __init__(s, val=0, next=None): s.val, s.next = val, next\n"
    assert judge(own + "def f(head): return head.next", linked).accepted
    queue = asserting("import collections\nd = collections.deque()\nf(d)\nassert list(d) == [1]")
    assert judge("def f(d): d.append(1)", queue).accepted
    named = asserting("assert datetime.strptime('2024', '%Y').year == 2024")
    assert judge("from datetime import datetime", named).accepted


def test_numpy(judge: Judge) -> None:
    pytest.importorskip("numpy")
    source = "import numpy as np\ndef f(): return np.int64(3), [np.float64(0.5), np.array([1, 2])]"
    options: dict[str, Any] = {"language": "python-numpy", "limits": RunLimits()}
    assert judge(source, call(expected=[3, [0.5, [1, 2]]]), **options).accepted
    pointer = "{'shape': (3,), 'typestr': '<f8', 'data': (8, False), 'version': 3}"
    hostile = f"class X:\n    @property\n    def __array_interface__(s): return {pointer}\ndef f(): return X()"
    test = asserting("import numpy as np\nassert np.allclose(f(), [1, 2, 3])")
    assert judge(hostile, test, **options).status == "runtime_error"


def test_large_values_are_compared_and_not_sent_back(judge: Judge) -> None:
    result = judge("def f(): return [[]] * 100_000", call(expected=[[]] * 100_000), limits=RunLimits())
    assert result.accepted and result.tests[0].value is None


def test_a_bad_answer_is_not_a_bad_checker(judge: Judge) -> None:
    source = "def check(input, actual, expected):\n    return int(actual) == int(expected)"
    checker = {"name": "program", "source": source}
    assert judge("print('x')", text("", "3"), checker=checker).status == "wrong_answer"
    assert judge("print('x')", text("", "y"), checker=checker).status == "infrastructure_error"


def test_a_compiler_that_says_much_has_compiled(judge: Judge) -> None:
    source = "#include <stdio.h>\n" + "#warning nothing\n" * 400 + 'int main() { printf("3"); }'
    result = judge(source, text("", "3"), language="c", limits=RunLimits())
    assert result.accepted and result.compile is not None and len(result.compile.output) > 10_000


def test_checkers(judge: Judge) -> None:
    assert judge("print(0.1 + 0.2)", text("", "0.3"), checker="numeric").accepted
    assert not judge("print(0.1 + 0.2)", text("", "0.3"), checker="exact").accepted
    assert judge("def f(): return [0.1 + 0.2]", call(expected=[0.3]), checker="numeric").accepted
    assert judge("def f(): return [2, 1]", call(expected=[1, 2]), checker="unordered_lines").accepted
    own = {"name": "program", "source": "def check(input, actual, expected):\n    return int(actual) % int(input) == 0"}
    assert judge("print(9)", text("3", ""), checker=own).accepted
    assert judge("print(8)", text("3", ""), checker=own).status == "wrong_answer"
    broken = judge("print('x')", text("3", ""), checker=own)
    assert broken.status == "infrastructure_error"
    assert "ValueError" in broken.tests[0].message


def test_secrets_of_the_server_do_not_reach_programs(execute: Execute) -> None:
    seen = json.loads(execute("import os, json\nprint(json.dumps(dict(os.environ)))").stdout)
    assert set(seen) == {"HOME", "TMPDIR", "PATH", "LANG"}


def test_twenty_at_once_and_across_event_loops(client: SandboxClient) -> None:
    import asyncio

    from darkhorse.sandbox.protocol import JudgeRequest

    async def all_of_them() -> list[Any]:
        source = "def f(x): return x * x"
        requests = [JudgeRequest(source=source, tests=[call(n, expected=n * n)], limits=QUICK) for n in range(20)]
        return [result.accepted for result in await asyncio.gather(*map(client.judge, requests))]

    for _ in range(2):
        assert all(asyncio.run(all_of_them()))
