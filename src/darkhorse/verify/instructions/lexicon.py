"""What the checks know about English words and about characters: small lists and rules of thumb."""

# ruff: noqa: SIM905 (words read better in a row than each in quotes)

from __future__ import annotations

import re
from functools import lru_cache

STOP_WORDS = frozenset(
    # pronouns and determiners
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself "
    "it its itself they them their theirs themselves what which who whom this that these those a an the "
    # auxiliaries
    "am is are was were be been being have has had having do does did doing will can should "
    # conjunctions, prepositions and adverbs
    "and but if or because as until while of at by for with about against between into through during before after "
    "above below to from up down in out on off over under again further then once here there when where why how all "
    "any both each few more most other some such no nor not only own same so than too very just now "
    # what is left of contractions when apostrophes part words
    "s t d ll m o re ve y don ain aren couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan shouldn wasn "
    "weren won wouldn".split()
)
"""English function words, as NLTK's list of stop words has them."""

CONJUNCTIONS = frozenset("and but for nor or so yet".split())
"""The coordinating conjunctions."""

PRONOUNS = frozenset(
    "i me we us you he him she her it they them my mine our ours your yours his hers its their theirs "
    "myself ourselves yourself yourselves himself herself itself themselves this that these those "
    "who whom whose which what whoever whomever whatever whichever anybody anyone anything everybody everyone "
    "everything nobody nothing somebody someone something each either neither both all some any none".split()
)
"""English pronouns, possessives among them."""

_EMOJI = tuple(  # of Unicode's emoji data, those of one code point that are no digits, `#` or `*`
    tuple(int(point, 16) for point in piece.split("-"))
    for piece in (
        "a9 ae 203c 2049 2122 2139 2194-2199 21a9-21aa 231a-231b 2328 23cf 23e9-23f3 23f8-23fa 24c2 25aa-25ab 25b6 "
        "25c0 25fb-25fe 2600-2604 260e 2611 2614-2615 2618 261d 2620 2622-2623 2626 262a 262e-262f 2638-263a 2640 2642 "
        "2648-2653 265f-2660 2663 2665-2666 2668 267b 267e-267f 2692-2697 2699 269b-269c 26a0-26a1 26a7 26aa-26ab "
        "26b0-26b1 26bd-26be 26c4-26c5 26c8 26ce-26cf 26d1 26d3-26d4 26e9-26ea 26f0-26f5 26f7-26fa 26fd 2702 2705 "
        "2708-270d 270f 2712 2714 2716 271d 2721 2728 2733-2734 2744 2747 274c 274e 2753-2755 2757 2763-2764 2795-2797 "
        "27a1 27b0 27bf 2934-2935 2b05-2b07 2b1b-2b1c 2b50 2b55 3030 303d 3297 3299 1f004 1f0cf 1f170-1f171 "
        "1f17e-1f17f 1f18e 1f191-1f19a 1f201-1f202 1f21a 1f22f 1f232-1f23a 1f250-1f251 1f300-1f321 1f324-1f393 "
        "1f396-1f397 1f399-1f39b 1f39e-1f3f0 1f3f3-1f3f5 1f3f7-1f4fd 1f4ff-1f53d 1f549-1f54e 1f550-1f567 1f56f-1f570 "
        "1f573-1f57a 1f587 1f58a-1f58d 1f590 1f595-1f596 1f5a4-1f5a5 1f5a8 1f5b1-1f5b2 1f5bc 1f5c2-1f5c4 1f5d1-1f5d3 "
        "1f5dc-1f5de 1f5e1 1f5e3 1f5e8 1f5ef 1f5f3 1f5fa-1f64f 1f680-1f6c5 1f6cb-1f6d2 1f6d5-1f6d9 1f6dc-1f6e5 1f6e9 "
        "1f6eb-1f6ec 1f6f0 1f6f3-1f6fc 1f7e0-1f7eb 1f7f0 1f90c-1f93a 1f93c-1f945 1f947-1f9ff 1fa70-1fa7c 1fa80-1fac6 "
        "1fac8 1facc-1fadd 1fadf-1faeb 1faef-1fafa"
    ).split()
)

_VERBS = frozenset(
    "accept achieve act adapt add adjust admit adopt advise agree aim allow analyze announce answer appear apply "
    "approach argue arrange arrive ask assess assume attend avoid bake balance be bear beat become begin behold "
    "believe bend boil borrow break breathe bring build burn buy calculate call care carry catch celebrate challenge "
    "change check choose claim clean climb close collect combine come compare complete compute conduct confirm connect "
    "consider construct contact contain continue contribute convert cook copy count cover craft create cross cry "
    "cultivate cut dance dare deal decide define delete deliver demonstrate depend describe deserve design destroy "
    "determine develop differ discover discuss dive divide do draft draw dream dress drink drive drop earn eat "
    "educate eliminate embark embrace employ empower encounter encourage end endure engage enhance enjoy ensure enter "
    "escape establish estimate evaluate examine exist expand expect experience explain explore express extend face "
    "fall feed feel fight fill find finish fix flow fly focus follow forget forgive form foster gain gather generate "
    "get give go grab grant grasp grow guess guide handle hang happen harness have hear help hide hold hope hug "
    "identify ignore imagine implement improve include increase indulge inform ingest insert inspect install introduce "
    "invest investigate invite join jump keep kick know laugh launch lead learn leave lend let leverage lie lift like "
    "limit list listen live locate look lose love maintain make manage master measure meet mention merge mix modify "
    "monitor move navigate need note notice observe obtain offer open operate organize overcome pack paint pass pay "
    "perform pick picture place plan plant play point practice praise pray prefer prepare present preserve prevent "
    "print prioritize proceed produce promote protect prove provide publish pull push put quit raise reach read "
    "realize recall receive recognize recommend reduce refer reflect refuse relate relax release rely remain "
    "remember remove repeat replace reply report represent request require research respect respond rest return "
    "reveal review ride rise run save say search see seek seem select sell send separate serve set share shift shine "
    "show simplify sing sit sleep smile solve sort speak specify spend spread stand start state stay step stop store "
    "strengthen stretch strive study submit succeed suggest support suppose survive sustain swim take talk taste "
    "teach tell tend test thank think thrive throw touch track train transform travel treat trust try turn "
    "understand unlock update use utilize value verify view visit wait wake walk want warn wash watch wear weave "
    "welcome whisper win wish witness wonder work worry write".split()
)
_VERB_FORMS = frozenset(
    "am is are was were been being has had did done does began begun became broke brought built bought came chose "
    "drew drank drove ate fell felt fought found flew forgot gave went gone grew heard held kept knew known led left "
    "lost made met paid ran said saw seen sold sent sang sat slept spoke spent stood took taken taught told thought "
    "threw understood woke wore won wrote written".split()
)


@lru_cache(maxsize=4096)
def is_emoji(character: str) -> bool:
    """Whether one character is an emoji by itself."""
    point = ord(character)
    return point >= _EMOJI[0][0] and any(piece[0] <= point <= piece[-1] for piece in _EMOJI)


def is_verb(word: str) -> bool:
    """Whether an English word is a common verb in any of its forms."""
    word = word.casefold()
    if word in _VERBS or word in _VERB_FORMS:
        return True
    for ending, restored in (("s", ("",)), ("es", ("", "e")), ("ies", ("y",)), ("ied", ("y",)), ("ed", ("", "e")),
                             ("ing", ("", "e", "ie"))):  # fmt: skip
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1:
            if any(stem + letter in _VERBS for letter in restored):
                return True
            if ending in ("ed", "ing") and stem[-1] == stem[-2] and stem[:-1] in _VERBS:
                return True
    return False


_GROUP = re.compile(r"[aeiouy]+")
_SILENT_ED = re.compile(r"[^aeioutd]ed")
_SILENT_ES = re.compile(r"[^aeioucgsxz]es")
_PARTED = re.compile(r"(?<![tscg])i(?:a|o)|eo(?!u)|iu|[aeiou]ing|ue[lt]|yi|(?<!q)ua[lt]|oe[mt]|ie[ntr]|rea[tl]i?")
_DOUBTFUL = re.compile(r"i[aoeu]|u[aoei]|e[ao]|oe|[aeiou]{3}|[^aeiouy]re\b|er[aeiouy]|ory|ary|ire|our|ower|sm\b|thm\b")


def syllables(word: str) -> int:
    """About how many syllables an English word has; none when it holds a digit or no letter."""
    word = word.strip().lower()
    if not word or any(character.isdigit() for character in word):
        return 0
    count = len(_GROUP.findall(word))
    if word.endswith("e") and len(word) > 2 and word[-2] not in "aeiouy":
        silent = not (word.endswith("le") and word[-3] not in "aeiouy")
        count -= silent
    elif _SILENT_ED.search(word[-3:]) or (_SILENT_ES.search(word[-3:]) and not word.endswith(("shes", "ches"))):
        count -= 1
    count += len(_PARTED.findall(word))
    if word.endswith(("sm", "thm")):
        count += 1
    return max(count, 1)


def syllable_counts(word: str) -> frozenset[int]:
    """The numbers of syllables that an English word may have: more than one where spelling does not settle it."""
    count = syllables(word)
    if not count:
        return frozenset((0,))
    return frozenset(range(max(1, count - 1), count + 2)) if _DOUBTFUL.search(word.lower()) else frozenset((count,))
