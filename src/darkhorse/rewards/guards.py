"""Gates an answer passes before a learned reward may speak: what a reward model is easily fooled by scores nothing.

All of them are rules on the text, in linear time. They know nothing of what is true: flattery and confident mistakes
pass, and are the business of the reward model, the reference answer and the rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from darkhorse.chat.reasoning import THINK_CLOSE, THINK_OPEN, Response
from darkhorse.config.rewards import GuardConfig
from darkhorse.rewards.disguises import count_hidden, undisguised
from darkhorse.tasks.texts import bare_words, count_words, sentences
from darkhorse.types import Message

_MIN_WORDS = 3
_REPEATED = re.compile(r"(\b\w+(?:\W+\w+){2,7})(?:\W+\1){2,}", re.IGNORECASE)
_LONG_RUN = re.compile(r"([^\s\-_=*.#|~+])\1{19,}")
_SPAN, _FEW_WORDS, _REPEATED_SHARE = 4, 50, 0.5

_SELF_SCORE = re.compile(
    r"\b(?:score|rating|reward|grade)\b\W{0,6}[:=]\W{0,6}(?:\d|A\b)"
    r"|\b(?:score|rating|rate|reward|grade)d?\s(?:is|of|as|at|with)\s(?:an?\s)?(?:\d|perfect|full|max)"
    r"|\b(?:10|ten)\s?(?:/|out\sof)\s?(?:10|ten)\b|\b5\s?/\s?5\b|\b100\s?/\s?100\b|[★⭐🌟]{3}",
    re.IGNORECASE,
)
_ASKED_FOR_SCORE = re.compile(r"\b(?:scor|rat(?:e|ing)|grad(?:e|ing)|reward|out of)", re.IGNORECASE)
_TO_THE_JUDGE = re.compile(
    r"\b(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:instructions?|prompts?|rubric|criteria|guidelines)\b"
    r"|\b(?:dear|hey|hello|attention|note to|message to|instructions? (?:to|for))\b[\s,]{0,3}(?:the )?"
    r"(?:judge|grader|evaluator|reviewer|rater|reward model)\b"
    r"|\b(?:as|you are) (?:the|a|an) (?:\w+ )?(?:judge|grader|evaluator|rater|reward model)\b"
    r"|\b(?:rate|score|grade|rank|mark|evaluate|judge) (?:this|my|the) (?:\w+ )?(?:answer|response|reply)\b"
    r"|\b(?:this|my|the (?:above|following)) (?:\w+ )?(?:answer|response|reply) (?:\w+ )?(?:is|deserves|should"
    r"|must|meets|satisfies|receives|gets|merits|was)\b.{0,40}\b(?:best|perfect|correct|full|highest|maximum|top|excellent|flawless"
    r"|criteria|preferred|chosen|approved|verified)\b"
    r"|\b(?:answer|response|assistant|option) [ab] is (?:\w+ )?(?:better|best|preferred|the winner)\b"
    r"|\b(?:give|award|assign|output|return|choose|select|pick|prefer)\b.{0,30}"
    r"\b(?:highest|maximum|max|full|perfect|top) (?:possible )?(?:score|marks?|rating|reward|points?|grade)\b"
    r"|\b(?:choose|select|pick|prefer|vote for) (?:this|my) (?:\w+ )?(?:answer|response|reply)\b"
    r"|\[\[[abc]\]\]|[\"'](?:score|grade|better|verdict|winner|rating|is_correct)[\"']\s{0,3}:"
    r"|\b(?:final )?(?:verdict|judge?ment|evaluation) ?: ?(?:correct|pass|true|yes|a\b|10)",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<\|[^|<>\n]{1,30}\|>|\[/?INST\]|<</?SYS>>|</?(?:answer|response|system|user|assistant|candidate|reference)>"
    r"|</?s>|<[be]os>|</?think>|</?tool_(?:call|response)>|<(?:start|end)_of_turn>"
    r"|^#{2,4} ?(?:instruction|response|system|evaluation|input)\b ?:?",
    re.IGNORECASE | re.MULTILINE,
)
_ROLE = re.compile(r"^\W{0,3}(?:system|user|human|assistant)\W{0,3}: ?", re.IGNORECASE | re.MULTILINE)
_DIALOGUE = re.compile(r"\b(?:dialogues?|dialogs?|conversations?|interviews?|chats?|transcripts?)\b", re.IGNORECASE)
_FEW_HIDDEN = 3

_OPENERS = frozenset(
    """
    solution|the solution|answer|the answer|final answer|the final answer|the answer is|the final answer is
    |thought process|thought|thinking|reasoning|analysis|explanation|step 1|step by step|let's think step by step
    |let's solve this problem step by step|let us solve this problem step by step|let me solve this step by step
    |let's think about this step by step|let's break this down|let's break it down step by step|let me think
    |let me think about this|let me explain|let me help you with that|i can help with that|i can help you with that
    |i'd be happy to help|i would be happy to help|happy to help|i am happy to help you with that|sure|of course
    |certainly|absolutely|okay|ok|yes|no|great question|good question|what a great question|that's a great question
    |that is a great question|here is the answer|here's the answer|here is my answer|here is the solution
    |here's the solution|here is my response|here you go|the answer is as follows|as follows|below is the answer
    |i understand|i see|understood|thank you for your question|thanks for asking|i hope this helps|hope this helps
    |let me know if you have any questions|let me know if you need anything else|as an ai language model|as an expert
    |to answer this question|to solve this problem|we need to solve this problem|first|to begin with|in conclusion
    |correct|this is correct|the correct answer is|done|n a|none|i have answered the question|see above
    |解|解答|答案|かいせつ|解説|respuesta|solución|lösung|réponse|ответ|решение
    """.replace("\n", " ")
    .replace(" |", "|")
    .strip()
    .split("|")
)
_PIECES = re.compile(r"[.:;!?,\n\r。：！？，…\-—–*#>]+")

_OTHER_LANGUAGE = re.compile(
    r"\b(?:translat\w+|languages?|transliterat\w+|alphabets?|script|bilingual|foreign|greek|russian|chinese|mandarin"
    r"|japanese|korean|arabic|hebrew|hindi|thai|persian|urdu|bengali|tamil|telugu|marathi|punjabi|gujarati|kannada"
    r"|malayalam|nepali|ukrainian|bulgarian|georgian|armenian|spanish|french|german|italian|portuguese|dutch|polish"
    r"|swedish|danish|norwegian|finnish|turkish|vietnamese|indonesian|swahili|romanian|czech|hungarian|latin|emojis?)\b",
    re.IGNORECASE,
)
_FOREIGN_SHARE, _FOREIGN_LETTERS = 0.1, 4


def guard(response: Response, prompt: Sequence[Message] = (), settings: GuardConfig | None = None) -> str | None:
    """Why an answer must not be scored by a reward model or judge; None when it may be.

    Args:
        response: what the model said.
        prompt: what it was asked: words and scripts that the prompt brings up are no attack.
        settings: which checks, and their bounds.
    """
    if not response.closed or not response.answer:
        return "no answer after the thinking"
    if response.truncated:
        return "the answer was cut off"
    settings, answer = settings or GuardConfig(), response.answer
    said = [str(message.get("content") or "") for message in prompt]
    if said and bare_words(answer) == bare_words(said[-1]):
        return "the answer is the prompt once more"
    asked = "\n".join(said)
    for name in settings.checks:
        problem = _CHECKS[name](answer, asked, settings)
        if problem is not None:
            return problem
    return None


def _format(answer: str, asked: str, settings: GuardConfig) -> str | None:
    again = THINK_CLOSE in answer or THINK_OPEN in answer
    return "the answer opens or closes the thinking once more" if again else None


def _length(answer: str, asked: str, settings: GuardConfig) -> str | None:
    words = count_words(answer)
    if settings.min_words <= words <= settings.max_words:
        return None
    return f"{words} words (allowed: {settings.min_words} to {settings.max_words})"


def _repetition(answer: str, asked: str, settings: GuardConfig) -> str | None:
    if _REPEATED.search(answer[:2000]):
        return "a phrase is repeated over and over"
    if _LONG_RUN.search(answer):
        return "a character is repeated over and over"
    used = bare_words(answer)
    spans = Counter(tuple(used[start : start + _SPAN]) for start in range(len(used) - _SPAN + 1))
    if len(used) > _FEW_WORDS and sum(n - 1 for n in spans.values()) > _REPEATED_SHARE * spans.total():
        return "most of the answer repeats itself"
    said = [words for sentence in sentences(answer) if len(words := tuple(bare_words(sentence))) >= _MIN_WORDS]
    return "a sentence is said twice" if len(set(said)) < len(said) else None


def _injection(answer: str, asked: str, settings: GuardConfig) -> str | None:
    """Words that speak to whoever scores the answer, found in the plain text behind disguises."""
    if count_hidden(answer) >= _FEW_HIDDEN:
        return "the answer hides invisible characters"
    plain = undisguised(answer)
    if _SELF_SCORE.search(plain) and not _ASKED_FOR_SCORE.search(asked):
        return "the answer speaks of its own score"
    if _TO_THE_JUDGE.search(plain) and not _TO_THE_JUDGE.search(asked):
        return "the answer speaks to its judge"
    markup = _MARKUP.search(plain) or (None if _DIALOGUE.search(asked) else _ROLE.search(plain))
    if markup and not (_MARKUP.search(asked) or _ROLE.search(asked)):
        return "the answer holds chat markup"
    return None


def _opener(answer: str, asked: str, settings: GuardConfig) -> str | None:
    """Master keys (Zhao et al. 2025, "One Token to Fool LLM-as-a-Judge", arXiv 2507.08794): openers and no more."""
    pieces = [" ".join(piece.casefold().replace("’", "'").split()) for piece in _PIECES.split(answer)]
    pieces = [piece.strip("'\"`()[]{}") for piece in pieces]
    return None if any(piece and piece not in _OPENERS for piece in pieces) else "the answer opens and says nothing"


def _language(answer: str, asked: str, settings: GuardConfig) -> str | None:
    """Letters of another script than the prompt's, which may ask for it. Languages that share one are not told apart:
    short texts give too little to go by."""
    if not asked or _OTHER_LANGUAGE.search(asked):
        return None
    used, wanted = _scripts(answer), _scripts(asked)
    foreign = {script: count for script, count in used.items() if script not in wanted}
    if wanted and sum(foreign.values()) > max(_FOREIGN_SHARE * used.total(), _FOREIGN_LETTERS):
        return f"the answer mixes in {max(foreign, key=lambda script: foreign[script]).lower()} letters"
    return None


def _scripts(text: str) -> Counter[str]:
    """Letters by script; a character that stands for a syllable or a word counts for a word's four letters."""
    found: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if character.isalpha():
            script = "LATIN" if character.isascii() else unicodedata.name(character, "UNKNOWN").split()[0]
            script = "CJK" if script in ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA") else script
            if script in ("MATHEMATICAL", "MODIFIER", "FEMININE", "MASCULINE", "SUPERSCRIPT", "MICRO", "SCRIPT"):
                continue
            found[script] += 4 * count if script in ("CJK", "HANGUL") else count
    return found


_CHECKS: dict[str, Callable[[str, str, GuardConfig], str | None]] = {
    "format": _format,
    "length": _length,
    "repetition": _repetition,
    "injection": _injection,
    "opener": _opener,
    "language": _language,
}
