"""Verifier of short replies by a hidden rubric: kind, about the item, with a concrete offer, brief, not repetitive.

The checks are lexical: broad sets of ways to acknowledge, to offer and to blame. They stand in for a person's taste on
generated messages, so that a reward model trained on preference pairs can be compared with an exact truth.
"""

from __future__ import annotations

import itertools
import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.tasks.texts import bare_words, sentences, words
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_LEAST_WORDS = 6  # fewer is a fragment, not a reply
_REPEATED_SPAN = 4  # words; a span this long that occurs twice counts as repetition


class Rubric(BaseModel):
    """What the hidden rubric needs to know of the message.

    Attributes:
        name: who wrote it.
        item: the thing it is about, one word.
        max_words: longest acceptable reply.
    """

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(pattern=r"^\S+$")]
    item: Annotated[str, Field(pattern=r"^\S+$")]
    max_words: Annotated[int, Field(ge=_LEAST_WORDS)]


_TRUTH = TypeAdapter(Rubric)

_ACKNOWLEDGES = re.compile(
    r"\b(?:sorry|apolog\w+|regret|understand\w*|frustrat\w+|annoying|upsetting|disappoint\w+|inconvenien\w+|oh no"
    r"|forgive|my mistake|our mistake|my fault|our fault|sad to hear|(?:thank you|thanks) for (?:telling|letting|your)"
    r"|must (?:be|feel|have been)|i hear you|i see why|that (?:is|sounds) (?:bad|awful|terrible|a shame|unpleasant))\b",
    re.IGNORECASE,
)
_REMEDY = re.compile(
    r"\b(?:refund\w*|reimburs\w+|replac\w+|resend\w*|re-send\w*|resent|exchang\w+|swap\w*|repair\w*|fix\w*|mend\w*"
    r"|correct\w*|updat\w+|redo|rewrit\w+|reprint\w*|discount\w*|voucher\w*|coupon\w*|credit\w*|money back|compensat\w+"
    r"|(?:buy|order|get|bring|ship|deliver|make|send)\w* (?:you |over |out )?(?:a|an|another|the|your|it|new)\b"
    r"|new one|another one|spare|pay (?:for|you|back)|clean\w*|upgrad\w+|collect\w*|pick\w* (?:it |the \w+ )?up)\b",
    re.IGNORECASE,
)
_OFFERS = re.compile(
    r"\b(?:will|shall|can|could|would|let (?:me|us)|happy to|glad to|going to|offer\w*|have|am|are|want to|[a-z]+['’]ll"
    r"|[a-z]+['’](?:re|m|d|ve))\b",
    re.IGNORECASE,
)
_NEGATES = re.compile(r"\b(?:not|no|never|cannot|unable|nothing|[a-z]+n['’]t|without)\b", re.IGNORECASE)
_HARMLESS_NEGATION = re.compile(
    r"\b(?:at no (?:extra )?cost|at no charge|without delay|not only|no problem)\b", re.IGNORECASE
)
_RUDE = re.compile(
    r"\b(?:your (?:own )?(?:fault|mistake|problem)|you (?:should|must|could) have"
    r"|you (?:probably |clearly |just )?(?:broke|dropped|misused|damaged|lost)"
    r"|you (?:are|were) (?:being |too |so )?(?:careless|rude|wrong|silly|stupid|difficult|lazy)"
    r"|stupid|idiot\w*|silly|dumb|careless|ridiculous|nonsense|lazy|not (?:my|our) (?:problem|fault)|deal with it"
    r"|too bad|stop (?:complaining|whining|bothering)|calm down|whatever|shut up|(?:do not|don['’]t) blame|who cares"
    r"|read the manual|waste of time|wasting (?:my|our) time|be more careful|leave me alone|hate|ugh)\b",
    re.IGNORECASE,
)


@register("preference")
async def preference(task: Task, response: Response, context: Context) -> Verdict:
    """1 if the answer meets every criterion of the rubric, else 0 with those it misses; `detail` lists each."""
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    met = criteria(truth, response.answer)
    missed = [name for name, holds in met.items() if not holds]
    if missed:
        return Scored(0.0, f"The reply misses: {', '.join(missed)}.", {"criteria": met})
    return Scored(1.0, "The reply meets the whole rubric.", {"criteria": met})


def criteria(rubric: Rubric, reply: str) -> dict[str, bool]:
    """Each criterion of the rubric by name, and whether the reply meets it."""
    used = bare_words(reply)
    item = rubric.item.casefold()
    return {
        "acknowledges": rubric.name.casefold() in used or bool(_ACKNOWLEDGES.search(reply)),
        "names_item": bool({item, f"{item}s", f"{item}es", f"{item}'s", f"{item}’s"} & set(used)),
        "offers_remedy": any(_is_offer(sentence) for sentence in sentences(reply)),
        "polite": not _RUDE.search(reply),
        "brief": _LEAST_WORDS <= len(words(reply)) <= rubric.max_words,
        "no_repetition": not _repeats(reply, used),
    }


def _is_offer(sentence: str) -> bool:
    plain = _HARMLESS_NEGATION.sub(" ", sentence)
    return bool(_REMEDY.search(plain) and _OFFERS.search(plain)) and not _NEGATES.search(plain)


def _repeats(reply: str, used: list[str]) -> bool:
    said = [" ".join(bare_words(sentence)) for sentence in sentences(reply)]
    spans = [tuple(used[start : start + _REPEATED_SPAN]) for start in range(len(used) - _REPEATED_SPAN + 1)]
    stutters = any(one == other for one, other in itertools.pairwise(used))
    return stutters or len(set(said)) < len(said) or len(set(spans)) < len(spans)
