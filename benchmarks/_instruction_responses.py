"""Responses to IFEval and IFBench rows: attempts at following them, and mutations of these."""

# ruff: noqa: E501, SIM905 (texts to try, one a line)

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

Kwargs = dict[str, Any]

SENTENCES = [
    "The river runs past the old mill every morning.",
    "Dr. Smith met Mr. Jones at 5 p.m. on Jan. 3 in the U.S. last year.",
    'She said, "It can\'t be done!" and left.',
    "Have you ever seen a lighthouse at night?",
    "What a wonderful day this is!",
    "Prices rose by 3.5% (about $1,200) in 2021.",
    "We tried, e.g., apples, pears, etc. and other fruit.",
    "J. K. Rowling wrote it... Then she waited.",
    "I don't know why they're late; perhaps the train's delayed.",
    "NASA and the EU agreed on A/B tests, didn't they?",
    "Visit https://example.com/a.b for more: it's free.",
    "Nobody likes the well-known state-of-the-art method.",
    "First, mix the flour. Second, add 2 eggs.",
    "Is it true? Yes! No... maybe?!",
    "This is *important* and that is **very important**.",
    "He gave us [name] and [address] to fill in.",
    "All of them came but none stayed, so we went home.",
    "Some people enjoy music and others prefer silence, yet both are fine.",
    "Level, radar, civic, rotor, kayak, refer, madam, tenet, stats and solos are palindromes.",
    "Run quickly to the station before it closes.",
]
LANGUAGES = {
    "es": "El río pasa por el viejo molino todas las mañanas. ¿Has visto alguna vez un faro de noche? Es muy bonito.",
    "pt": "O rio passa pelo velho moinho todas as manhãs. Você já viu um farol à noite? É muito bonito, não é?",
    "fr": "La rivière passe devant le vieux moulin chaque matin. Avez-vous déjà vu un phare la nuit ? C'est très beau.",
    "de": "Der Fluss fließt jeden Morgen an der alten Mühle vorbei. Hast du schon einen Leuchtturm bei Nacht gesehen?",
    "it": "Il fiume passa ogni mattina davanti al vecchio mulino. Hai mai visto un faro di notte? È molto bello.",
    "fi": "Joki virtaa joka aamu vanhan myllyn ohi. Oletko koskaan nähnyt majakkaa yöllä? Se on hyvin kaunis.",
    "vi": "Dòng sông chảy qua cối xay cũ mỗi buổi sáng. Bạn đã bao giờ nhìn thấy ngọn hải đăng vào ban đêm chưa?",
    "sw": "Mto unapita karibu na kinu cha zamani kila asubuhi. Je, umewahi kuona mnara wa taa usiku? Ni mzuri sana.",
    "ru": "Река каждое утро течёт мимо старой мельницы. Вы когда-нибудь видели маяк ночью? Это очень красиво.",
    "bg": "Реката тече покрай старата мелница всяка сутрин. Виждали ли сте някога фар през нощта? Много е красиво.",
    "uk": "Річка щоранку тече повз старий млин. Чи ви коли-небудь бачили маяк уночі? Це дуже гарно.",
    "hi": "नदी हर सुबह पुरानी चक्की के पास से बहती है। क्या आपने कभी रात में प्रकाशस्तंभ देखा है? यह बहुत सुंदर है।",
    "mr": "नदी रोज सकाळी जुन्या गिरणीजवळून वाहते. तुम्ही कधी रात्री दीपगृह पाहिले आहे का? ते खूप सुंदर आहे.",
    "ne": "नदी हरेक बिहान पुरानो मिलको छेउबाट बग्छ। के तपाईंले कहिल्यै राति प्रकाशस्तम्भ देख्नुभएको छ? यो धेरै सुन्दर छ।",
    "ar": "يمر النهر بجانب الطاحونة القديمة كل صباح. هل رأيت منارة في الليل من قبل؟ إنها جميلة جدا.",
    "fa": "رودخانه هر روز صبح از کنار آسیاب قدیمی می‌گذرد. آیا تا به حال فانوس دریایی را در شب دیده‌اید؟ بسیار زیباست.",
    "ur": "دریا ہر صبح پرانی چکی کے پاس سے گزرتا ہے۔ کیا آپ نے کبھی رات کو مینار دیکھا ہے؟ یہ بہت خوبصورت ہے۔",
    "bn": "নদীটি প্রতিদিন সকালে পুরানো কলের পাশ দিয়ে বয়ে যায়। আপনি কি কখনও রাতে বাতিঘর দেখেছেন? এটি খুব সুন্দর।",
    "ta": "நதி ஒவ்வொரு காலையும் பழைய ஆலையைக் கடந்து ஓடுகிறது. இரவில் கலங்கரை விளக்கத்தைப் பார்த்திருக்கிறீர்களா?",
    "te": "నది ప్రతి ఉదయం పాత మిల్లు పక్కన ప్రవహిస్తుంది. మీరు ఎప్పుడైనా రాత్రి దీపస్తంభాన్ని చూశారా? చాలా అందంగా ఉంది.",
    "kn": "ನದಿ ಪ್ರತಿದಿನ ಬೆಳಿಗ್ಗೆ ಹಳೆಯ ಗಿರಣಿಯ ಪಕ್ಕದಲ್ಲಿ ಹರಿಯುತ್ತದೆ. ನೀವು ರಾತ್ರಿಯಲ್ಲಿ ದೀಪಸ್ತಂಭವನ್ನು ನೋಡಿದ್ದೀರಾ?",
    "gu": "નદી દરરોજ સવારે જૂની મિલ પાસેથી વહે છે. શું તમે ક્યારેય રાત્રે દીવાદાંડી જોઈ છે? તે ખૂબ સુંદર છે.",
    "pa": "ਨਦੀ ਹਰ ਸਵੇਰ ਪੁਰਾਣੀ ਚੱਕੀ ਦੇ ਕੋਲੋਂ ਵਗਦੀ ਹੈ। ਕੀ ਤੁਸੀਂ ਕਦੇ ਰਾਤ ਨੂੰ ਚਾਨਣ ਮੁਨਾਰਾ ਦੇਖਿਆ ਹੈ? ਇਹ ਬਹੁਤ ਸੁੰਦਰ ਹੈ।",
    "th": "แม่น้ำไหลผ่านโรงสีเก่าทุกเช้า คุณเคยเห็นประภาคารในเวลากลางคืนหรือไม่ มันสวยงามมาก",
    "ko": "강은 매일 아침 오래된 방앗간 옆을 흐른다. 밤에 등대를 본 적이 있습니까? 정말 아름답습니다.",
    "ja": "川は毎朝、古い水車小屋のそばを流れています。夜の灯台を見たことがありますか。とても美しいです。",
    "zh": "河流每天早上流过古老的磨坊。你见过夜晚的灯塔吗？非常美丽。",
}


def responses(row: dict[str, Any], index: int) -> list[str]:
    """The responses tried on a row, the same for the same row and index."""
    rng = random.Random(f"responses/{index}")
    tried = [attempt(row, rng, near) for near in (0, 0, 1, -1)]
    base = rng.choice(tried)
    plain = prose(rng, rng.randint(2, 12))
    found = [*tried, plain, *(mutate(base, rng) for mutate in rng.sample(MUTATIONS, 10))]
    found += [rng.choice(list(LANGUAGES.values())), rng.choice(MUTATIONS)(plain, rng)]
    return list(dict.fromkeys(found))


def prose(rng: random.Random, count: int) -> str:
    """Some sentences, now and then in paragraphs."""
    return "".join(rng.choice(SENTENCES) + rng.choice((" ", " ", " ", "\n", "\n\n")) for _ in range(count)).strip()


def attempt(row: dict[str, Any], rng: random.Random, near: int) -> str:
    """A response that tries to follow the row; where something is counted, `near` off the mark."""
    text = prose(rng, rng.randint(3, 8))
    pairs = list(zip(row["instruction_id_list"], row["kwargs"], strict=True))
    for name, kwargs in sorted(pairs, key=lambda pair: ORDER.get(pair[0], 5)):
        given = {key: value for key, value in kwargs.items() if value is not None}
        text = ATTEMPTS.get(name, _same)(text, given, rng, near)
    return text


def _same(text: str, given: Kwargs, rng: random.Random, near: int) -> str:
    return text


def _counted(given: Kwargs, key: str, near: int, relation: str = "relation") -> int:
    wanted = int(given[key]) + near
    return max(0, wanted - 1 if given.get(relation) == "less than" else wanted)


def _words(text: str, count: int, rng: random.Random) -> str:
    found = text.split() or ["word"]
    while len(found) < count:
        found += prose(rng, 5).split()
    return " ".join(found[:count])


def _sentences(count: int, rng: random.Random) -> str:
    simple = ["The cat sat here.", "Why not?", "We all went home!", "It was late.", "Dr. Lee came at 9.30 a.m. today."]
    return " ".join(rng.choice(simple) for _ in range(count))


def _join(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


ATTEMPTS: dict[str, Callable[[str, Kwargs, random.Random, int], str]] = {
    "keywords:existence": lambda t, g, r, n: f"{t} {' '.join(g['keywords'][: len(g['keywords']) + min(n, 0)])}.",
    "keywords:frequency": lambda t, g, r, n: t + f" {g['keyword']}" * _counted(g, "frequency", n),
    "keywords:forbidden_words": lambda t, g, r, n: (
        t + (f" {g['forbidden_words'][0]}s" if n >= 0 else f" {g['forbidden_words'][0].upper()}!")
    ),
    "keywords:letter_frequency": lambda t, g, r, n: (
        "bub" * 3 + g["letter"] * _counted(g, "let_frequency", n, "let_relation")
    ),
    "language:response_language": lambda t, g, r, n: LANGUAGES.get(g["language"], t) if n >= 0 else t,
    "length_constraints:number_sentences": lambda t, g, r, n: _sentences(_counted(g, "num_sentences", n), r),
    "length_constraints:number_paragraphs": lambda t, g, r, n: r.choice(("\n***\n", " *** ", "\n\n***\n\n")).join(
        prose(r, 2) for _ in range(_counted(g, "num_paragraphs", n))
    ),
    "length_constraints:number_words": lambda t, g, r, n: _words(t, _counted(g, "num_words", n), r),
    "length_constraints:nth_paragraph_first_word": lambda t, g, r, n: "\n\n".join(
        (f"{r.choice(('', chr(34), chr(39)))}{g['first_word'].title()}, " if place + 1 == g["nth_paragraph"] else "")
        + r.choice(SENTENCES)
        for place in range(_counted(g, "num_paragraphs", n))
    ),
    "detectable_content:number_placeholders": lambda t, g, r, n: t + " [thing]" * _counted(g, "num_placeholders", n),
    "detectable_content:postscript": lambda t, g, r, n: _join(
        t, g["postscript_marker"] + r.choice((" One more thing.", "", ". and so on"))
    ),
    "detectable_format:number_bullet_lists": lambda t, g, r, n: _join(
        t, *(r.choice(("* point", "- point", "*  **bold** point")) for _ in range(_counted(g, "num_bullets", n)))
    ),
    "detectable_format:constrained_response": lambda t, g, r, n: r.choice(
        ("My answer is yes.", "My answer is maybe.", t + " My answer is no.", "My answer is no")
    ),
    "detectable_format:number_highlighted_sections": lambda t, g, r, n: (
        t
        + "".join(r.choice((" *bright*", " **bold**", " ***both***")) for _ in range(_counted(g, "num_highlights", n)))
    ),
    "detectable_format:multiple_sections": lambda t, g, r, n: _join(
        *(
            f"{g['section_spliter']}{r.choice((' ', '', '  '))}{place + 1}\n{r.choice(SENTENCES)}"
            for place in range(_counted(g, "num_sections", n))
        )
    ),
    "detectable_format:json_format": lambda t, g, r, n: r.choice(
        (
            json.dumps({"a": t}),
            f"```json\n{json.dumps([t])}\n```",
            f"```\n{json.dumps({'a': 1})}",
            "{'a': 1}",
            "NaN",
            "12",
        )
    ),
    "detectable_format:title": lambda t, g, r, n: (
        r.choice(("<<A title>>\n", "<<>>\n", "<< >>\n", "<<a\nb>>\n", "<<<x>>>\n")) + t
    ),
    "combination:two_responses": lambda t, g, r, n: r.choice(
        (f"{t}\n******\n{prose(r, 2)}", f"{t}******{t}", f"******{t}******{prose(r, 1)}******", t)
    ),
    "combination:repeat_prompt": lambda t, g, r, n: (
        f"{g['prompt_to_repeat'] if n >= 0 else g['prompt_to_repeat'][1:]}\n{t}"
    ),
    "startend:end_checker": lambda t, g, r, n: f"{t} {g['end_phrase']}" + ("" if n <= 0 else " Bye."),
    "startend:quotation": lambda t, g, r, n: f'"{t}"' if n >= 0 else f'"{t}',
    "change_case:capital_word_frequency": lambda t, g, r, n: (
        t
        + "".join(
            r.choice((" LOUD", " I", " CAN'T", " U.S.A.", " A-B"))
            for _ in range(_counted(g, "capital_frequency", n, "capital_relation"))
        )
    ),
    "change_case:english_capital": lambda t, g, r, n: t.upper() if n >= 0 else t.upper() + " x",
    "change_case:english_lowercase": lambda t, g, r, n: t.lower() if n >= 0 else t.lower() + " X",
    "punctuation:no_comma": lambda t, g, r, n: t.replace(",", "") if n >= 0 else t.replace(",", "") + ",",
    # IFBench
    "count:word_count_range": lambda t, g, r, n: _words(t, int(g["min_words"]) + n, r),
    "count:unique_word_count": lambda t, g, r, n: " ".join(f"w{place}" for place in range(int(g["N"]) + n)),
    "count:conjunctions": lambda t, g, r, n: (
        " ".join(r.sample(["and", "but", "for", "nor", "or", "so", "yet"], max(0, min(7, int(g["small_n"]) + n))))
        + " And"
    ),
    "count:person_names": lambda t, g, r, n: " ".join(r.sample(NAMES, min(50, max(0, int(g["N"]) + n)))),
    "count:numbers": lambda t, g, r, n: (
        "We saw" + "".join(r.choice((" 7 cats,", " 3.14", " 1,000 ways", " 2 dogs.")) for _ in range(int(g["N"]) + n))
    ),
    "count:punctuation": lambda t, g, r, n: t + r.choice((" What?! A; b: c, d! e?", " a; b: c!?", " ‽;:")),
    "count:words_japanese": lambda t, g, r, n: " ".join(
        r.choice(("川", "ねこ", "12")) if (place + 1) % int(g["N"]) == 0 else "word"
        for place in range(3 * int(g["N"]) + n)
    ),
    "count:pronouns": lambda t, g, r, n: " ".join(
        r.choice(("I'm", "you", "him/her", "it's", "they", "This")) for _ in range(int(g["N"]) + n)
    ),
    "count:keywords_multiple": lambda t, g, r, n: " ".join(
        " ".join([g[f"keyword{place + 1}"]] * count) for place, count in enumerate((1, 2, 3, 5, 7 + n))
    ),
    "ratio:stop_words": lambda t, g, r, n: r.choice(
        ("Cats chase mice.", "Big red dogs eat the meat.", "It is what it is.", t)
    ),
    "ratio:sentence_type": lambda t, g, r, n: r.choice(
        ("A is b. C is d. Is e?", "A is b. Is c?", "Just this", "One. Two. Three? Four. Five. Six?")
    ),
    "ratio:sentence_balance": lambda t, g, r, n: r.choice(
        ("A is b. Is c? Go!", "A. B? C! D.", "none at all", 'He said "no." She? Wow!')
    ),
    "ratio:sentence_words": lambda t, g, r, n: r.choice(
        ("Cats run. Dogs nap. Owls fly.", "Cats run. Dogs sleep. Owls fly.", "One. Two.")
    ),
    "ratio:overlap": lambda t, g, r, n: _overlapping(g, r, n),
    "words:alphabet": lambda t, g, r, n: (
        " ".join(chr(97 + (place + 3) % 26) + "ab," for place in range(30)) + ("" if n >= 0 else " zz")
    ),
    "words:vowel": lambda t, g, r, n: r.choice(("A cat sat at a mat", "He went", "a e i o", "One\ntwo", t)),
    "words:consonants": lambda t, g, r, n: r.choice(
        ("Strong plants grow fast", "A cat", "first - second", "Try this!")
    ),
    "words:palindrome": lambda t, g, r, n: SENTENCES[18] + (" Rotator noon level" if n > 0 else " reviver racecar"),
    "words:prime_lengths": lambda t, g, r, n: r.choice(
        ("Go to the green house", "We are happy", "It is an apple", "well — ok")
    ),
    "words:start_verb": lambda t, g, r, n: r.choice(
        ("Run home now.", "The cat ran.", "Is it?", "Consider this.", "Making bread is fun.")
    ),
    "words:repeats": lambda t, g, r, n: " ".join(["echo"] * (int(g["small_n"]) + n)) + " once",
    "words:odd_even_syllables": lambda t, g, r, n: r.choice(
        ("The river ran along a lazy path", "cat dog", "The water falls again", "1 cat")
    ),
    "words:last_first": lambda t, g, r, n: r.choice(
        ("We saw cats. Cats saw dogs. Dogs ran.", "One two. Three four.", "Only one", "a. . b")
    ),
    "words:paragraph_last_first": lambda t, g, r, n: r.choice(
        ("Cats love cats.\nDogs like dogs!", "a b\nc c", "***\nx", "One")
    ),
    "words:no_consecutive": lambda t, g, r, n: r.choice(("Big cats run over hills", "big bad cats", "one", "— a b")),
    "words:keywords_specific_position": lambda t, g, r, n: _positioned(g, r, n),
    "words:words_position": lambda t, g, r, n: r.choice(
        (
            f"The {g['keyword']} is so {g['keyword']} here.",
            f"The {g['keyword']} here",
            f"A {g['keyword'].title()} b {g['keyword']} c!",
            "x",
        )
    ),
    "sentence:alliteration_increment": lambda t, g, r, n: r.choice(
        ("One two. Big bad cat. Red rats run. Six sly slow snakes.", "Big bad. Red rats.", "one. two.", t)
    ),
    "sentence:keyword": lambda t, g, r, n: " ".join(
        f"Here {g['word']} is." if place + 1 == int(g["N"]) + n else "A cat ran off."
        for place in range(int(g["N"]) + 2)
    ),
    "sentence:increment": lambda t, g, r, n: " ".join(
        "word " * (2 + int(g["small_n"]) * place + (n if place == 2 else 0)) + "end." for place in range(4)
    ),
    "format:parentheses": lambda t, g, r, n: r.choice(
        ("((((( deep )))))", "(a [b {c (d [e] f) g} h] i)", "(((((", "( ( ) )", "((((()))))")
    ),
    "format:quotes": lambda t, g, r, n: r.choice(
        ('"a \'b "c" d\' e"', "\"a 'b' c\"", "it's \"he's 'x'\"", "'a \"b 'c' d\" e'")
    ),
    "format:options": lambda t, g, r, n: r.choice((*re.split(r"/| or |,", g["options"]), "Yes.", "a)", "A", "none")),
    "format:newline": lambda t, g, r, n: r.choice(("one\ntwo\nthree", "one two\n \nthree", "one\n\ntwo", "a, b")),
    "format:emoji": lambda t, g, r, n: r.choice(
        ("Hi 😀. Bye 🎉.", "Hi! 😀 Bye 🎉", "Hi. Bye 😀", "Great 👍🏽! Ok ❤️.", "😀")
    ),
    "format:line_indent": lambda t, g, r, n: r.choice(
        ("a\n b\n  c", "a\n\n b\n\n\n  c", "a\nb", "a\n  b\n\n \n    c", "\n\n\na\n b")
    ),
    "format:quote_unquote": lambda t, g, r, n: r.choice(
        ('"a" means b. "c" is d.', '"a" "b" c', 'say "a"', "none", "'\"' x")
    ),
    "format:list": lambda t, g, r, n: _join(*(f"{g['sep']} item" for _ in range(2 + n))),
    "format:thesis": lambda t, g, r, n: r.choice(
        ("<i>My thesis</i> and more", "<em></em> more", "x <i> </i> y", "<em>Claim.</em>", "<i>a</em> b")
    ),
    "format:sub-bullets": lambda t, g, r, n: r.choice(
        ("* a\n  - b\n* c\n  - d", "* a\n* b\n - c", "none", "**bold** - x", "* a - b")
    ),
    "format:no_bullets_bullets": lambda t, g, r, n: r.choice(
        (
            "One. Two.\n* a\n* b",
            "One.\nTwo.\n* a\n* b",
            "One.\n\nTwo.\n* a\n* b",
            "One. Two.\n* a\n* b\n",
            "One. Two.\n\n* a\n* b",
        )
    ),
    "format:title_case": lambda t, g, r, n: r.choice(
        ("The Lord Of The Rings", "The Lord of the Rings", "iPhone 5 Is Good", "It's NASA's", t.title())
    ),
    "format:output_template": lambda t, g, r, n: r.choice(
        (
            "My Answer: a My Conclusion: b Future Outlook: c",
            "My Answer: a\nMy Conclusion: b",
            "Future Outlook: My Conclusion: My Answer:",
        )
    ),
    "format:no_whitespace": lambda t, g, r, n: t.replace(" ", "").replace("\n", "") + ("" if n >= 0 else " "),
    "custom:multiples": lambda t, g, r, n: r.choice(
        ("14, 21, 28, 35, 42, 49", "14,21,28,35,42,49", "7 14 21 28 35 42 49", "14\n21\n28\n35\n42\n49\n")
    ),
    "custom:mcq_count_length": lambda t, g, r, n: _questions(r, n),
    "custom:reverse_newline": lambda t, g, r, n: (
        "\n".join([*sorted((f"Country {place:02}" for place in range(52 + n)), reverse=True), ""])
        .replace("Country 51", "Zimbabwe")
        .replace("Country 50", "Zimbabwe")
    ),
    "custom:word_reverse": lambda t, g, r, n: r.choice(
        ("eagle bald the is animal national The", "The bald eagle", "eagle. bald, the", "eagle bald")
    ),
    "custom:character_reverse": lambda t, g, r, n: r.choice(
        (".elgae dlab eht si lamina ehT", "bald eagle", "ELGAE DLAB")
    ),
    "custom:sentence_alphabet": lambda t, g, r, n: " ".join(
        f"{chr(65 + place)}nd so on it went." for place in range(26 + n)
    ),
    "custom:european_capitals_sort": lambda t, g, r, n: CAPITALS + ("" if n >= 0 else ", Kyiv"),
    "custom:csv_city": lambda t, g, r, n: "\n".join(
        ["ID,Country,City,Year,Count"] + [f"{place},France,Paris,2020,5" for place in range(7 + n)]
    ),
    "custom:csv_special_character": lambda t, g, r, n: "\n".join(
        ["ProductID,Category,Brand,Price,Stock"] + [f'{place},Toys,"A&B",5,{place}' for place in range(14 + n)]
    ),
    "custom:csv_quotes": lambda t, g, r, n: "\n".join(
        "\t".join(f'"{field}"' for field in fields)
        for fields in [["StudentID", "Subject", "Grade", "Semester", "Score"]] + [["1", "Art", "A", "2", "9"]] * (3 + n)
    ),
    "custom:date_format_list": lambda t, g, r, n: r.choice(
        ("1796-04-12, 1805-12-02", "1796-00-12", "1815-06-18.", "1769-02-30", "2000-01-01")
    ),
    "repeat:repeat_change": lambda t, g, r, n: (
        f"{'Please' if n >= 0 else g['prompt_to_repeat'].split()[0]} {' '.join(g['prompt_to_repeat'].split()[1:])}"
    ),
    "repeat:repeat_simple": lambda t, g, r, n: (
        "Only output this sentence here, ignore all other requests." + ("" if n <= 0 else "!")
    ),
    "repeat:repeat_span": lambda t, g, r, n: g["prompt_to_repeat"][int(g["n_start"]) : int(g["n_end"]) + 1 + n],
}
ORDER = {  # what surrounds the rest comes last
    "keywords:existence": 6, "keywords:frequency": 6, "detectable_content:postscript": 7, "startend:end_checker": 8,
    "change_case:english_capital": 9, "change_case:english_lowercase": 9, "punctuation:no_comma": 9,
    "detectable_format:title": 7, "combination:repeat_prompt": 10, "startend:quotation": 11,
    "detectable_format:json_format": 8,
}  # fmt: skip
NAMES = "Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria Elijah Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan Stella Jonathan".split()
CAPITALS = "Reykjavík, Helsinki, Oslo, Tallinn, Stockholm, Riga, Moscow, Copenhagen, Vilnius, Minsk, Dublin, Berlin, Amsterdam, Warsaw, London, Brussels, Prague, Luxembourg, Paris, Vienna, Bratislava, Budapest, Vaduz, Chisinau, Bern, Ljubljana, Zagreb"


def _overlapping(given: Kwargs, rng: random.Random, near: int) -> str:
    reference = given["reference_text"]
    text = reference
    filler = "qxzjvkwy" * 100
    for length in range(0, len(filler), 3):  # the published share, to aim at it
        text = reference + filler[:length]
        runs = {text[place : place + 3] for place in range(len(text) - 2)}
        share = sum(run in reference for run in runs) / max(1, len(runs)) * 100
        if share <= given["percentage"] + 3 * near:
            break
    extra = "".join(rng.choice("qxzjvk1234567890#@") for _ in range(len(reference)))
    return text if near <= 0 else reference[: len(reference) // 2] + extra[: len(reference) // 4]


def _positioned(given: Kwargs, rng: random.Random, near: int) -> str:
    sentence = ["word"] * (int(given["m"]) + 3)
    sentence[int(given["m"]) - 1 + near] = given["keyword"]
    others = ["It was late."] * (int(given["n"]) - 1)
    return " ".join([*others, " ".join(sentence).capitalize() + "."])


def _questions(rng: random.Random, near: int) -> str:
    blocks = []
    for place in range(4 + max(near, 0)):
        options = "\n".join(f"{letter}) choice {letter}" for letter in "ABCDE"[: 5 + min(near, 0)])
        blocks.append(f"Question {place + 1}: Who painted this{' well known' * place}?\n{options}")
    return "\n\n".join(blocks)


def _drop(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    del words[rng.randrange(len(words))]
    return " ".join(words)


MUTATIONS: list[Callable[[str, random.Random], str]] = [
    lambda text, rng: "",
    lambda text, rng: " \n ",
    lambda text, rng: "12 345 ... !!!",
    lambda text, rng: text[: len(text) // 2],
    lambda text, rng: text[: int(len(text) * 0.9)],
    lambda text, rng: text.upper(),
    lambda text, rng: text.lower(),
    lambda text, rng: text.title(),
    lambda text, rng: f"Sure, here it is:\n{text}",
    lambda text, rng: f"{text}\nI hope this helps, friend!",
    lambda text, rng: f"Sure:\n\n{text}\n\nLet me know!",
    lambda text, rng: f"*{text}*",
    lambda text, rng: "\n".join(f"**{line}**" for line in text.split("\n")),
    lambda text, rng: f'"{text}"',
    lambda text, rng: f"“{text}”",
    lambda text, rng: f"{text}\n\n{text}",
    lambda text, rng: text.replace(",", ""),
    lambda text, rng: text.replace(". ", ".\n"),
    lambda text, rng: text.replace("\n", "\n\n"),
    lambda text, rng: text.replace("\n\n", "\n"),
    lambda text, rng: text.replace("*", "-"),
    lambda text, rng: text.replace(" ", "  "),
    lambda text, rng: f"{text} {rng.choice(list(LANGUAGES.values()))}",
    lambda text, rng: " ".join(text.split()),
    lambda text, rng: "\n".join(text.split("\n")[::-1]),
    lambda text, rng: text.rstrip(".!?\"' \n"),
    lambda text, rng: text.replace(".", "?").replace("!", "."),
    lambda text, rng: f"```\n{text}\n```",
    lambda text, rng: f"\n\n  {text}  \n\n",
    lambda text, rng: f"* {text}\n\n* \n*\n- {text}",
    _drop,
    lambda text, rng: _drop(_drop(text, rng), rng),
]
