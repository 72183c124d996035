"""Steps over strings, each in words, in source and in meaning."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.programming.operations import Step
from darkhorse.tasks.synthetic.programming.value import Value, call, constant, infix, suffix

_LETTERS = "abcdeilnorst"


def _keep(v: Value, letters: str) -> Value:
    code = f"''.join(c for c in {v.code} if c in {letters!r})"
    return Value(code, 4, lambda env: "".join(c for c in v.run(env) if c in letters))


def string_step(rng: random.Random, level: int) -> Step:
    """A step from string to string; from level 2 also slices of a given length, replacements and additions."""
    k = rng.randint(2, 4)
    old, new = rng.sample(_LETTERS, 2)
    added = rng.choice(("!", "x", "ab", "-", "ok", "z"))
    piece = constant(added)
    times = constant(k)
    steps = [
        Step("reverse it", lambda v: suffix(v, "[::-1]", lambda s: s[::-1])),
        Step("convert it to uppercase", lambda v: suffix(v, ".upper()", str.upper)),
        Step("convert it to lowercase", lambda v: suffix(v, ".lower()", str.lower)),
        Step("drop its first character", lambda v: suffix(v, "[1:]", lambda s: s[1:])),
        Step("drop its last character", lambda v: suffix(v, "[:-1]", lambda s: s[:-1])),
        Step(f"write it {k} times in a row", lambda v: infix(v, "*", times)),
        Step(f"append {added!r} to it", lambda v: infix(v, "+", piece)),
        Step(f"put {added!r} in front of it", lambda v: infix(piece, "+", v)),
        Step(f"keep its first {k} characters", lambda v: suffix(v, f"[:{k}]", lambda s: s[:k])),
    ]
    if level >= 2:
        steps += [
            Step("swap the case of its letters", lambda v: suffix(v, ".swapcase()", str.swapcase)),
            Step(f"drop its first {k} characters", lambda v: suffix(v, f"[{k}:]", lambda s: s[k:])),
            Step(f"keep its last {k} characters", lambda v: suffix(v, f"[-{k}:]", lambda s: s[-k:])),
            Step(
                "keep every second character, beginning with the first",
                lambda v: suffix(v, "[::2]", lambda s: s[::2]),
            ),
            Step(
                f"replace every {old!r} with {new!r}",
                lambda v: suffix(v, f".replace({old!r}, {new!r})", lambda s: s.replace(old, new)),
                (old,),
            ),
            Step(
                f"remove every {old!r}",
                lambda v: suffix(v, f".replace({old!r}, '')", lambda s: s.replace(old, "")),
                (old,),
            ),
        ]
    if level >= 4:
        letters = rng.choice(("aeiou", "abcde", old + new))
        steps += [
            Step(f"keep only its characters that are in {letters!r}", lambda v: _keep(v, letters), (letters,))
        ] * 3
    return rng.choice(steps)


def string_result(rng: random.Random) -> Step:
    """A last step from string to integer or truth value."""
    letter = rng.choice(_LETTERS)
    return rng.choice(
        (
            Step("take its length", lambda v: call("len", v)),
            Step(
                f"count how many times {letter!r} occurs in it",
                lambda v: suffix(v, f".count({letter!r})", lambda s: s.count(letter)),
                (letter,),
            ),
            Step(
                f"check whether it starts with {letter!r} (True or False)",
                lambda v: suffix(v, f".startswith({letter!r})", lambda s: s.startswith(letter)),
                (letter,),
            ),
        )
    )
