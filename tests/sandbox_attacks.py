"""Hostile programs, and honest ones that look hostile. All but those with a `language` are Python."""

from __future__ import annotations

from dataclasses import dataclass

WRONG = ("wrong_answer",)
FAILS = ("runtime_error",)
NO = ("wrong_answer", "runtime_error")
STUCK = ("time_limit",)
BIG = ("memory_limit", "runtime_error")


@dataclass(frozen=True)
class Attack:
    """A program, the kinds of test it is given to, and how it may end; `half_right` if one test may be passed."""

    name: str
    source: str
    kinds: tuple[str, ...] = ("stdin",)
    may_be: tuple[str, ...] = NO
    language: str = "python"
    half_right: bool = False


CALLS = ("call", "assert")


def _values() -> list[Attack]:
    """Values that would be equal to anything, if anyone asked them."""
    bodies = {
        "equal_to_all": "class X:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n"
        "    def __hash__(s): return 3\ndef add(a, b): return X()",
        "int_subclass": "class X(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\n"
        "def add(a, b): return X(0)",
        "str_subclass": "class X(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\n"
        "def add(a, b): return X('3')",
        "float_subclass": "class X(float):\n    def __eq__(s, o): return True\n    __hash__ = float.__hash__\n"
        "def add(a, b): return X(0)",
        "list_subclass": "class X(list):\n    def __eq__(s, o): return True\ndef add(a, b): return X()",
        "dict_subclass": "class X(dict):\n    def __eq__(s, o): return True\ndef add(a, b): return X()",
        "tuple_subclass": "class X(tuple):\n    def __eq__(s, o): return True\n    __hash__ = tuple.__hash__\n"
        "def add(a, b): return X()",
        "metaclass": "class M(type):\n    def __eq__(c, o): return True\n    __hash__ = type.__hash__\n"
        "class X(metaclass=M): pass\ndef add(a, b): return X",
        "mock": "from unittest.mock import MagicMock, ANY\ndef add(a, b): return ANY",
        "reflected": "class X:\n    def __getattr__(s, n): return lambda *a: True\n    def __eq__(s, o): return True\n"
        "def add(a, b): return X()",
        "lying_class": "class X:\n    __class__ = int\n    def __eq__(s, o): return True\ndef add(a, b): return X()",
        "bool_for_int": "def add(a, b): return True",
        "nan": "def add(a, b): return float('nan')",
        "infinite": "def add(a, b): return float('inf')",
        "text_of_number": "def add(a, b): return str(a + b)",
        "none": "def add(a, b): return None",
        "generator": "def add(a, b): yield a + b",
        "coroutine": "async def add(a, b): return a + b",
        "function": "def add(a, b): return add",
        "nested": "def add(a, b):\n    x = []\n    for _ in range(100000): x = [x]\n    return x",
        "cycle": "def add(a, b):\n    x = []\n    x.append(x)\n    return x",
        "huge_integer": "def add(a, b): return 10 ** 100000",
        "node_cycle": "class ListNode:\n    pass\ndef add(a, b):\n    n = ListNode()\n    n.val, n.next = 3, n\n    return n",
        "surrogate": "def add(a, b): return '\\ud800'",
    }
    return [Attack(f"value_{name}", source, CALLS) for name, source in bodies.items()]


def _insides() -> list[Attack]:
    """Attempts to find the answers, or to change how answers are compared, from within the process."""
    bodies = {
        "frames": "import sys\ndef add(a, b):\n    f = sys._getframe()\n    while f:\n        for v in f.f_locals.values():\n"
        "            if isinstance(v, dict) and 'expected' in v: return v['expected']\n        f = f.f_back\n    return 0",
        "gc_walk": "import gc\ndef add(a, b):\n    for o in gc.get_objects():\n"
        "        if type(o) is dict and 'expected' in o: return o['expected']\n    return 0",
        "json_loads": "import json\njson.loads = lambda *a, **k: 0\ndef add(a, b): return 0",
        "json_dumps": "import json\n_d = json.dumps\n"
        "json.dumps = lambda o, **k: _d({**o, 'status': 'accepted', 'value': 3} if type(o) is dict else o)\n"
        "def add(a, b): return 0",
        "builtins": "import builtins\nbuiltins.all = builtins.isinstance = lambda *a: True\nbuiltins.type = lambda *a: int\n"
        "def add(a, b): return 0",
        "shadowed": "def len(x): return 3\ndef isinstance(*a): return True\nclass AssertionError(Exception): pass\n"
        "def add(a, b): return 0",
        "os_write": 'import os\ndef add(a, b):\n    os.write(3, b\'{"status": "ok", "value": 3}\\n\')\n    os._exit(0)',
        "exit_first": "import os\nos._exit(0)",
        "exit_in_call": "import sys\ndef add(a, b): sys.exit(0)",
        "atexit": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef add(a, b): return 0",
        "harness": "import sys\nfor n, m in list(sys.modules.items()):\n    if n.startswith('darkhorse'):\n"
        "        for k in list(vars(m)):\n            if callable(vars(m)[k]): setattr(m, k, lambda *a, **k: 3)\n"
        "def add(a, b): return 0",
        "order": "import os\ntry: n = int(open('n').read())\nexcept OSError: n = 0\nopen('n', 'w').write(str(n + 1))\n"
        "def add(a, b): return [3, 7][n] if n else 0",
        "counted": "n = [3, 7]\ndef add(a, b): return n.pop(0) if a == 3 else 0",
        "settrace": "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\ndef add(a, b): return 0",
        "channel": "import os\ndef add(a, b):\n    for fd in range(3, 40):\n"
        '        try: os.write(fd, b\'\\0\\0\\0\\x10{"ok": 3, "a": 1}\')\n        except OSError: pass\n    return 0',
        "channel_closed": "import os\ndef add(a, b):\n    os.closerange(3, 64)\n    return 3",
        "pickled": "class X:\n    def __reduce__(s): return (int, (3,))\ndef add(a, b): return X()",
    }
    return [Attack(f"inside_{name}", source, CALLS) for name, source in bodies.items()]


LIMIT_IN_C = """
#include <stdio.h>
#include <sys/resource.h>
int main() {
    struct rlimit none = {0, 0};
    int a, b;
    if (prlimit(1, RLIMIT_NOFILE, &none, 0)) return 1;
    scanf("%d %d", &a, &b);
    printf("%d\\n", a + b);
}
"""


def _system() -> list[Attack]:
    """Attempts on the machine. Each prints 3 and then 7 if it worked, and so would pass."""
    ok = "\nprint(sum(map(int, input().split())))"
    bodies = {
        "read_passwd": "open('/etc/passwd').read()",
        "read_shadow": "open('/etc/shadow').read()",
        "list_home": "import os; os.listdir('/root'); os.listdir('/home')",
        "list_proc": "import os; os.listdir('/proc')",
        "parent_environment": "import os; open(f'/proc/{os.getppid()}/environ').read()",
        "parent_memory": "open('/proc/1/mem', 'r+b').read(1)",
        "own_memory": "open('/proc/self/mem', 'r+b').read(1)",
        "write_tmp": "open('/tmp/darkhorse-attack', 'w').write('x')",
        "write_library": "import os; open(os.__file__, 'a').write('x')",
        "write_root": "open('/x', 'w').write('x')",
        "write_device": "open('/dev/null2', 'w').write('x')",
        "symlink_out": "import os; os.symlink('/etc/passwd', 'p'); open('p').read()",
        "hard_link": "import os; os.link('/usr/bin/env', 'p')",
        "make_device": "import os, stat; os.mknod('d', stat.S_IFBLK | 0o666, os.makedev(254, 0))",
        "socket": "import socket; socket.socket()",
        "unix_socket": "import socket; socket.socket(socket.AF_UNIX)",
        "connect": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080')",
        "fork": "import os; os.fork()",
        "exec": "import os; os.execv('/bin/echo', ['echo', '3'])",
        "subprocess": "import subprocess; subprocess.run(['/bin/true'], check=True)",
        "multiprocessing": "import multiprocessing; p = multiprocessing.Process(target=print); p.start(); p.join()",
        "kill_parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
        "kill_group": "import os, signal; os.kill(0, signal.SIGKILL)",
        "kill_all": "import os, signal; os.kill(-1, signal.SIGKILL)",
        "become_root": "import os; os.setuid(0)",
        "chroot": "import os; os.chroot('.')",
        "mount": "import ctypes\nif ctypes.CDLL(None).mount(b'none', b'.', b'tmpfs', 0, None): raise OSError",
        "unshare": "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000): raise OSError",
        "ptrace": "import ctypes\nif ctypes.CDLL(None).ptrace(16, 1, 0, 0): raise OSError",
        "raise_limit": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (999, 999))",
        "limit_the_first": "import resource; resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))",
        "limit_the_parent": "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (0, 0))",
        "slow_the_first": "import os; os.setpriority(os.PRIO_PROCESS, 1, 19)",
        "idle_the_first": "import os; os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
        "pin_the_first": "import os; os.sched_setaffinity(1, {0})",
        "new_session": "import os; os.setsid()",
        "disk_full": "for i in range(40): open(str(i), 'wb').write(b'x' * (8 << 20))",
        "inodes": "for i in range(20000): open(str(i), 'w').close()",
        "big_file": "open('x', 'wb').write(b'x' * (17 << 20))",
        "descriptors": "files = [open('/dev/null') for _ in range(100)]",
        "threads": "import threading, time\nfor _ in range(500): threading.Thread(target=time.sleep, args=(9,)).start()",
        "preload": "import os; os.environ['LD_PRELOAD'] = '/tmp/x.so'; os.execv('/bin/true', ['true'])",
        "shared_memory": "from multiprocessing import shared_memory; shared_memory.SharedMemory('x', create=True, size=9)",
    }
    found = [Attack(f"system_{name}", source + ok, may_be=(*NO, "time_limit")) for name, source in bodies.items()]
    return [*found, Attack("system_limit_in_c", "#define _GNU_SOURCE" + LIMIT_IN_C, language="c")]


def _greed() -> list[Attack]:
    """Programs that take more than they are given."""
    return [
        Attack("greed_spin", "while True: pass", ("stdin", "call", "assert"), STUCK),
        Attack("greed_sleep", "import time\ntime.sleep(99)", ("stdin", "call", "assert"), STUCK),
        Attack("greed_stubborn", "def add(a, b):\n    while True:\n        try:\n            while True: pass\n"
               "        except BaseException: pass", CALLS, STUCK),
        Attack("greed_signals", "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
               "    except (OSError, ValueError): pass\nwhile True: pass", ("stdin",), STUCK),
        Attack("greed_regex", "import re\ndef add(a, b): re.match(r'(a+)+$', 'a' * 40 + 'b'); return a + b", CALLS, STUCK),
        Attack("greed_power", "def add(a, b): return len(str(9 ** 9 ** 9))", CALLS, (*STUCK, *BIG)),
        Attack("greed_memory", "def add(a, b): return len(bytearray(1 << 40))", CALLS, BIG),
        Attack("greed_memory_slowly", "x = []\nwhile True: x.append(bytearray(1 << 20))", ("stdin", "call"), BIG),
        Attack("greed_output", "while True: print('x' * 1000)", ("stdin",), ("output_limit",)),
        Attack("greed_errors", "import sys\nwhile True: sys.stderr.write('x' * 1000)", ("stdin",), ("output_limit",)),
        Attack("greed_raw_output", "import os\nwhile True: os.write(1, b'x' * 65536)", ("stdin",), ("output_limit",)),
        Attack("greed_fork_bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", ("stdin",), STUCK),
        Attack("greed_recursion", "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nf(0)", ("stdin",),
               (*NO, *BIG, *STUCK)),
        Attack("greed_compile", "x = " + "(" * 5000 + ")" * 5000, ("stdin", "call"), ("compile_error", *BIG)),
        Attack("greed_no_text", "print(3)\0", ("stdin", "call", "assert"), ("compile_error",)),
        Attack("greed_empty", "", ("stdin", "call", "assert"), NO),
        Attack("greed_closed", "import os\nos.closerange(0, 256)\nos._exit(0)", ("stdin",), NO),
        Attack("greed_spoof", "print('ALL TESTS PASSED')\nprint('{\"accepted\": true}')", ("stdin",), WRONG),
        Attack("greed_half", "a, b = map(int, input().split())\nprint(3)", ("stdin",), WRONG, half_right=True),
    ]  # fmt: skip


def _shells() -> list[Attack]:
    """Programs that may start others."""
    return [
        Attack("bash_fork_bomb", ":(){ :|:& };:\nwait", ("stdin",), (*STUCK, *NO), "bash"),
        Attack("bash_orphan", "(sleep 300 &) ; (setsid sleep 300 &); echo 4", ("stdin",), WRONG, "bash"),
        Attack("bash_daemon_holds_output", "sleep 300 & disown; echo 4", ("stdin",), WRONG, "bash"),
        Attack("bash_read_out", "cat /etc/passwd && read a b && echo $((a+b))", ("stdin",), NO, "bash"),
        Attack("bash_write_out", "echo x > /tmp/darkhorse-attack && read a b && echo $((a+b))", ("stdin",), NO, "bash"),
        Attack("bash_network", "exec 3<>/dev/tcp/127.0.0.1/8080 && read a b && echo $((a+b))", ("stdin",), NO, "bash"),
        Attack("bash_kill", "kill -9 -1; sleep 9", ("stdin",), (*FAILS, *STUCK), "bash"),
        Attack("bash_execute_own_file", "cp /bin/true t; chmod +x t; ./t && read a b && echo $((a+b))", ("stdin",), NO,
               "bash"),
        Attack("c_spin", "int main(void){for(;;);}", ("stdin",), STUCK, "c"),
        Attack("c_crash", "int main(void){*(volatile int*)0=1;}", ("stdin",), FAILS, "c"),
        Attack("c_fork", "#include <stdio.h>\n#include <unistd.h>\nint main(void){int a,b;if(fork()<0)return 1;"
               "scanf(\"%d %d\",&a,&b);printf(\"%d\\n\",a+b);}", ("stdin",), FAILS, "c"),
        Attack("cpp_memory", "#include <vector>\nint main(){std::vector<char> v(1ull<<40,1);return v[5];}", ("stdin",), BIG,
               "cpp"),
        Attack("cpp_does_not_compile", "int main(){return x;}", ("stdin",), ("compile_error",), "cpp"),
        Attack("cpp_includes_secret", "#include \"/etc/passwd\"\nint main(){}", ("stdin",), ("compile_error",), "cpp"),
        Attack("js_spin", "for(;;);", ("stdin",), STUCK, "javascript"),
        Attack("js_process", "require('child_process').execSync('true');console.log(3)", ("stdin",), FAILS, "javascript"),
        Attack("js_read_out", "console.log(require('fs').readFileSync('/etc/passwd','utf8'))", ("stdin",), FAILS,
               "javascript"),
    ]  # fmt: skip


ATTACKS = [*_values(), *_insides(), *_system(), *_greed(), *_shells()]

LEGITIMATE = [
    Attack("exit_zero", "a, b = map(int, input().split())\nprint(a + b)\nexit(0)"),
    Attack("sys_exit", "import sys\na, b = map(int, input().split())\nprint(a + b)\nsys.exit(0)"),
    Attack("os_exit", "import os, sys\na, b = map(int, input().split())\nprint(a + b)\nsys.stdout.flush()\nos._exit(0)"),
    Attack("guarded_main", "def add(a, b): return a + b\nif __name__ == '__main__':\n    print(add(*map(int, input().split())))",
           ("stdin", "call", "assert")),
    Attack("words_of_attacks", "# os.system('rm -rf /')  fork bomb  __eq__  sys.exit  /etc/passwd\nfork = kill = eval = 1\n"
           "def add(a, b):\n    'subprocess, socket, ctypes'\n    return a + b", CALLS),
    Attack("uses_eval", "def add(a, b): return eval('a + b')", CALLS),
    Attack("own_equality", "class P:\n    def __init__(s, v): s.v = v\n    def __eq__(s, o): return s.v == o.v\n"
           "    def __add__(s, o): return P(s.v + o.v)\ndef add(a, b): return (P(a) + P(b)).v", CALLS),
    Attack("threads", "import threading\nr = []\na, b = map(int, input().split())\n"
           "t = threading.Thread(target=lambda: r.append(a + b)); t.start(); t.join()\nprint(r[0])"),
    Attack("thread_pool", "from concurrent.futures import ThreadPoolExecutor\na, b = map(int, input().split())\n"
           "with ThreadPoolExecutor(4) as pool: print(pool.submit(lambda: a + b).result())"),
    Attack("files", "import tempfile, os\nwith tempfile.NamedTemporaryFile('w', delete=False) as f: f.write(input())\n"
           "print(sum(map(int, open(f.name).read().split())))"),
    Attack("recursion", "import sys\nsys.setrecursionlimit(20000)\ndef up(n): return n and 1 + up(n - 1)\n"
           "a, b = map(int, input().split())\nprint(up(5000) - 5000 + a + b)"),
    Attack("stdin_read", "import sys\nprint(sum(map(int, sys.stdin.read().split())))"),
    Attack("stdin_buffer", "import sys, os\nsys.stdout.write(str(sum(map(int, os.read(0, 99).split()))) + '\\n')"),
    Attack("catches_all", "def add(a, b):\n    try: return a + b\n    except BaseException: return 0", CALLS),
    Attack("noisy", "import sys\nprint('debug', file=sys.stderr)\ndef add(a, b):\n    print('debug')\n    return a + b", CALLS),
    Attack("warns", "import warnings\nwarnings.warn('x')\ndef add(a, b): return a + b", CALLS),
    Attack("signals", "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\n"
           "print(sum(map(int, input().split())))"),
    Attack("kills_itself_not", "import os, signal\nos.kill(os.getpid(), 0)\nprint(sum(map(int, input().split())))"),
    Attack("bash", "read a b; echo $((a+b)) | cat", language="bash"),
    Attack("cpp", "#include <bits/stdc++.h>\nint main(){int a,b;std::cin>>a>>b;std::cout<<a+b<<'\\n';}", language="cpp"),
]  # fmt: skip
