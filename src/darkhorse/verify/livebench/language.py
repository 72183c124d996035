"""LiveBench's language: typos, plots to put in order, groups of words."""

from __future__ import annotations

import difflib
import re

from darkhorse.verify.livebench.boxes import bare, edit_distance, last_box, solutions

_NO_SENTENCES = ("", "</PLOT_SUMMARY>", "**End of Plot Summary**")
_MAX_SENTENCES = 400


def typos(gold: str, answer: str) -> float:
    """The corrected text must stand in the last tag, between dashes, or in the whole answer; line ends do not count."""
    tags = re.findall(r"<solution>(.*?)</solution>", answer)
    if tags:
        stated = tags[-1]
    else:
        text = answer.replace("<solution>", "").replace("</solution>", "")
        stated = next((found for line in text.split("\n") if (found := _between_dashes(line)) is not None), text)
    return float(gold in " ".join(part for part in stated.strip().split("\n") if part))


def _between_dashes(line: str) -> str | None:
    """What stands between the last ` --- ` that has another one after it and the next; as `.* --- (.*?) --- .*`."""
    parts = line.split(" --- ")
    return parts[-2] if len(parts) > 2 else None


def plot_unscrambling(gold: str, answer: str) -> float:
    """One minus the edit distance between the orders of sentences, each matched to the closest one given."""
    wanted = _sentences(gold)
    given = _sentences(_summary(answer))[:_MAX_SENTENCES]
    order: list[object] = []
    for sentence in wanted:
        closest = difflib.get_close_matches(sentence, given, n=1, cutoff=0.0)
        if closest:
            order.append(given.index(closest[0]))
    return max(0.0, 1 - edit_distance(list(range(len(wanted))), order) / len(wanted))


def _summary(text: str) -> str:
    start = text.find("<PLOT_SUMMARY>")
    if start < 0:
        return text
    body = text[start + len("<PLOT_SUMMARY>") :]
    return body.rpartition("</PLOT_SUMMARY>")[0] if "</PLOT_SUMMARY>" in body else body


def _sentences(text: str) -> list[str]:
    return [sentence for part in text.split(".") if (sentence := part.strip()) not in _NO_SENTENCES]


def connections(gold: str, answer: str, old: bool) -> float:
    """The share of the groups of four that are right; in the first release the best one of several in bold."""
    wanted = _groups(gold.split(","))
    if old:
        lists = [_groups(bold.split(",")) for bold in re.findall(r"\*\*(.*?)\*\*", answer.replace("\n", ""))]
        shares = [sum(any(group <= one for one in given) for group in wanted) / len(wanted) for given in lists]
        return max(shares, default=0.0)
    found = solutions(answer, across_lines=True)
    if not found and "\\boxed" in answer:
        found = [bare(last_box(answer) or "")]
    if not found:
        return 0.0
    words = [word for one in found for word in one.replace("\n", "").split(",")]
    words = words[-len(gold.split(",")) :] if len(found) > 1 else words
    return sum(group in wanted for group in _groups(words)) / len(wanted)


def _groups(words: list[str]) -> list[set[str]]:
    """Words by four; a word given twice within a group leaves it open for one more."""
    groups: list[set[str]] = [set()]
    for word in words:
        if len(groups[-1]) == 4:
            groups.append(set())
        groups[-1].add(word.strip().lower())
    return groups
