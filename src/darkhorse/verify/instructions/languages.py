"""Which language a text is in: by its script, then by letters and frequent words that only one language has.

Small on purpose: it knows the languages that IFEval asks for and a few neighbours they are mistaken for. It decides on
evidence alone; a text without any has no language.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache

from darkhorse.tasks.texts import word_pieces

_SCRIPTS = (  # first and last code point, script; sorted
    (0x0041, 0x005A, "Latin"),
    (0x0061, 0x007A, "Latin"),
    (0x00C0, 0x024F, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0530, 0x058F, "Armenian"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0750, 0x077F, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x3040, 0x30FF, "Kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xAC00, 0xD7AF, "Hangul"),
    (0xFB50, 0xFDFF, "Arabic"),
    (0xFE70, 0xFEFF, "Arabic"),
)

_ALONE = {  # scripts that one language of our list uses
    "Greek": "el",
    "Hebrew": "he",
    "Bengali": "bn",
    "Gurmukhi": "pa",
    "Gujarati": "gu",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Thai": "th",
    "Hangul": "ko",
    "Kana": "ja",
    "Han": "zh",
}

_SHARED: dict[str, dict[str, str]] = {  # script: language: frequent words
    "Latin": {
        "en": "the and of to in is that it for was with as his on be at by had not are but from or have an they which "
        "one you were her all she there would their we him been has when who will more no if out so what up said its "
        "about into than them can only other new some could these two may then do any my now such like our over me "
        "your how just also this these those very here why where am don't i'm it's can't good best every never always",
        "es": "el los las una que del por con para como pero más sus le ya este sí porque esta entre cuando muy sin "
        "sobre también me hasta hay donde quien desde todo nos durante todos uno les ni contra otros ese eso ante "
        "ellos e esto mí antes algunos qué unos yo otro otras otra él tanto esa estos mucho es son está y se lo su al",
        "pt": "o os as um uma que do da dos das em no na nos nas por com para como mas mais seu sua ou quando muito "
        "já eu também só pelo pela até isso ela entre depois sem mesmo aos seus quem me esse eles você essa num nem "
        "suas meu às minha numa elas qual nós lhe deles essas esses pelas este não são está é ser ao foi há então",
        "fr": "le les des une et est dans que qui pour pas sur au aux avec ce cette ces il elle nous vous ils sont "
        "mais ou où du plus par être été avoir fait comme tout leur leurs mes ses son sa notre votre c'est d'un d'une "
        "je tu on ne se si lui y très bien peut aussi sans entre après avant même encore deux moi toi",
        "de": "der die das und ist in den von zu mit sich des auf für nicht ein eine als auch es an werden aus er hat "
        "dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis "
        "mehr durch man sein wurde wenn können ich du wir ihr mein dein sehr kann dem im eines keine",
        "it": "il lo la gli le un una di che è per non con sono da del della dei delle nel nella alla al ai come più "
        "ma anche si ha questo questa suo sua loro io tu lui lei noi voi chi dove quando perché molto così sul sulla "
        "dal dalla tra fra essere stato hanno tutto tutti ho sei siamo degli ogni cui",
        "pl": "i w na z do się nie jest to że jak o ale po co tak za od by dla tego przez czy był być już jego jej "
        "który która które są ma może tylko ze bardzo przed tym ich go mu także oraz jednak gdy kiedy pod też nad "
        "bez będzie ja ty my wy oni",
        "vi": "và của là có không được cho một trong người này với các những đã để đến khi về tôi từ ra như ở làm đó "
        "cũng nhiều vào năm phải rất bạn nhưng thì sẽ chúng trên nếu tại đi hay hơn mà còn cần sự ngày bị lại",
        "sw": "na ya wa kwa ni katika la za kuwa cha hii huo hiyo huu yake wake kama lakini pia sana watu wengi hawa "
        "yao zao mimi wewe yeye sisi ninyi wao kutoka hadi au kila baada kabla mtu hapa huyo vya mwa hakuna ana nina "
        "tuna alikuwa ilikuwa moja mbili zaidi ambayo ambao leo ili bila",
        "fi": "ja on ei se että oli hän mutta ovat ole joka kun niin kuin myös sen mukaan tai jos sitä vain nyt minä "
        "sinä me te he olen olet olemme voi hyvin mitä siitä ne kaikki ollut hänen sekä jo vielä tämä ennen jälkeen "
        "kanssa vuonna siis ovatko kuitenkin aina nämä tässä",
        "nl": "de het een en van ik te dat die niet zijn op aan met als voor er maar om hem dan zou of wat mijn men "
        "dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft hebben deze worden wordt",
        "sv": "och att det som en på är av för med den till inte om ett han hon har jag men var sig från vi så kan "
        "när år under också efter eller nu sin där vid mot ska skulle",
        "da": "og at det er en til af på som den i med de ikke der har et for var jeg men hun han sig vi fra så om "
        "eller efter også nu blev kan skal meget",
        "no": "og i det er på som en til av for at har med de ikke den han et om var jeg men vi så fra hun seg kan "
        "etter eller også skal ble være dette",
        "tr": "ve bir bu için ile çok da de ne ben sen o biz siz onlar var yok gibi daha en ama değil mi her olarak "
        "olan kadar sonra önce ki şu",
        "id": "dan yang di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena tersebut bisa ada "
        "mereka kita kami atau sebagai adalah oleh sudah telah seperti anda",
        "ro": "și în de la cu pe un o nu este că din pentru care mai sau dar ce fi au sunt ca se lui după prin fost "
        "avea foarte acest această",
        "cs": "a se v na je že s z do o to i ve jako za po by pro jsem jsou který byl ale tak při nebo už jen také "
        "když její jeho",
        "hu": "a az és hogy nem is egy van ez meg de csak volt már mint ha el még vagy azt kell lehet én te ő mi",
    },
    "Cyrillic": {
        "ru": "и в не на я что он с это как но они мы все она так его к у же вы за бы по только ее мне было вот от "
        "меня еще нет о из ему теперь когда даже ну ли если уже или быть был до вас них была для есть этот эта эти",
        "uk": "і в не на я що він з це як але вони ми всі вона так його до у ж ви за би по тільки її мені було від "
        "мене ще немає про із йому тепер коли навіть чи якщо вже або бути був вас них була для є та цей ця ці який",
        "bg": "и в не на аз че той с това как но те ние всички тя така го към у вие за би по само ми беше от мен още "
        "няма сега кога дори ли ако вече или да е са се съм си ще за тази този тези който която които много",
    },
    "Devanagari": {
        "hi": "है हैं का की के में से को और यह वह पर ने एक नहीं भी था थी थे हो कि लिए तो कर इस उस जो अपने अपनी हम "
        "आप मैं मेरा मेरी बहुत साथ गया रहा रही रहे करने होता होती तक जब क्या कोई कुछ या हूँ",
        "mr": "आहे आहेत आणि मी तो ती ते हा ही हे च्या नाही मध्ये होते होता होती केले साठी पण त्या या त्यांनी आपण "
        "आम्ही तुम्ही माझा माझी माझे झाला झाली झाले करून खूप एक असे काही सर्व किंवा म्हणून तर",
        "ne": "छ छन् हो को मा र लाई ले यो त्यो पनि गर्न भएको थियो थिए हुन् गरेको छैन म हामी तपाईं उनी धेरै "
        "एक भने गर्ने हुन्छ भन्ने तथा देखि सम्म वा तर मेरो हाम्रो अनि बाट",
    },
    "Arabic": {
        "ar": "في من على أن إلى التي الذي هذا هذه كان عن مع لا ما هو هي كل بعد بين ذلك لم قد أو كما لكن حيث عند نحن "
        "أنا أنت هم إن و ثم حتى لقد يكون كانت جدا",
        "fa": "و در به از که این را با است برای آن یک خود تا کرد بر هم نیز می شود ما بود شد من تو او شما آنها اما یا "
        "هر هستند باید اگر خیلی نیست بسیار",
        "ur": "کے کی میں ہے اور کا سے کو نے ہیں پر کہ یہ اس ایک بھی تھا تھی جو نہیں وہ ہم آپ تو کر ہو لیے ان اپنے کیا "
        "بہت گیا رہا رہے ہوں میرا",
    },
}

_LETTERS: dict[str, dict[str, str]] = {  # letters that tell languages of one script apart
    "Latin": {
        "es": "ñ¿¡",
        "pt": "ãõ",
        "fr": "œèêûîëïùç",
        "de": "ß",
        "pl": "łąęśźżń",
        "vi": "ơưđạảấầẩậắằặẹẻẽếềểệỉịọỏốồổộớờởợụủứừửữựỳỵỷỹ",
        "fi": "",
        "tr": "ğış",
        "ro": "ășț",
        "cs": "řěů",
        "hu": "őű",
    },
    "Cyrillic": {"ru": "ыэё", "uk": "іїєґ", "bg": ""},
    "Devanagari": {"mr": "ळ"},
    "Arabic": {"fa": "", "ur": "ٹڈڑںےہھ", "ar": "ةىيكأإؤئ"},
}
_FOREIGN = {"ar": "پچژگک", "fa": "ٹڈڑںےہةيك", "bg": "ыэёіїє", "uk": "ыэёъ", "ru": "іїєґ"}

KNOWN = frozenset(_ALONE.values()) | {code for words in _SHARED.values() for code in words}
"""Codes (ISO 639-1) of the languages that can be told."""

_SHARE = 0.8  # of the letters must stand in the language's script: names and terms of others are allowed
_LONGEST = 20_000  # characters looked at


def language_of(text: str) -> str | None:
    """The language of a text as an ISO 639-1 code, None where nothing speaks for one.

    Args:
        text: any text; its beginning decides when it is long.
    """
    text = unicodedata.normalize("NFC", text[:_LONGEST])
    scripts = _scripts(text)
    if not scripts:
        return None
    script = scripts.most_common(1)[0][0]
    if script == "Han" and scripts["Kana"]:
        return "ja"
    if script in _ALONE:
        return _ALONE[script]
    ranked = _evidence(text, script).most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def is_written_in(text: str, code: str, evidence: bool = True) -> bool:
    """Whether a whole text is in a language: the letters in its script, and nothing speaks more for another language.

    Args:
        text: any text; its beginning decides when it is long.
        code: one of `KNOWN`.
        evidence: something must speak for it; without, a text of names alone passes.

    Raises:
        KeyError: if the language is not known.
    """
    text = unicodedata.normalize("NFC", text[:_LONGEST])
    scripts = _scripts(text)
    expected = _script_of(code)
    own = scripts[expected] + (scripts["Han"] if code in ("ja", "zh") else 0)
    if not own or own < _SHARE * scripts.total():
        return False
    if code in ("ja", "zh"):
        return bool(scripts["Kana"]) == (code == "ja")
    if expected in _ALONE:
        return True
    found = _evidence(text, expected)
    best = max(found.values(), default=0)
    return found[code] == best and (best > 0 or not evidence)


def _scripts(text: str) -> Counter[str]:
    """How many letters each script has."""
    found: Counter[str] = Counter()
    for character, count in Counter(text).items():
        script = _script(ord(character)) if character.isalpha() or unicodedata.category(character) == "Mc" else None
        if script:
            found[script] += count
    return found


@cache
def _script(point: int) -> str | None:
    return next((script for first, last, script in _SCRIPTS if first <= point <= last), None)


def _script_of(code: str) -> str:
    for script, owner in _ALONE.items():
        if owner == code:
            return script
    return next(script for script, languages in _SHARED.items() if code in languages)


@cache
def _frequent(script: str) -> dict[str, list[str]]:
    """The languages of a script in which each word is frequent."""
    found: dict[str, list[str]] = {}
    for code, words in _SHARED[script].items():
        for word in set(words.split()):
            found.setdefault(word, []).append(code)
    return found


def _evidence(text: str, script: str) -> Counter[str]:
    """Points for each language of a shared script; empty where the script's languages are not known."""
    found: Counter[str] = Counter()
    if script not in _SHARED:
        return found
    frequent = _frequent(script)
    for word in word_pieces(text):
        owners = frequent.get(word, ())
        for code in owners:
            found[code] += 6 // len(owners)
    letters = Counter(text.casefold())
    for code, own in _LETTERS.get(script, {}).items():
        found[code] += 3 * min(sum(letters[letter] for letter in own), 40)
    for code, foreign in _FOREIGN.items():
        if code in found:
            found[code] -= 6 * min(sum(letters[letter] for letter in foreign), 40)
    return Counter({code: points for code, points in found.items() if points > 0})
