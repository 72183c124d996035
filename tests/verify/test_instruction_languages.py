"""Telling languages: by script, by frequent words, and not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.instructions.languages import KNOWN, is_written_in, language_of

TEXTS = {
    "en": "The river runs past the old mill every morning.",
    "es": "El río pasa por el viejo molino todas las mañanas y es muy bonito.",
    "pt": "O rio passa pelo velho moinho todas as manhãs e não é muito largo.",
    "fr": "La rivière passe devant le vieux moulin chaque matin et elle est très belle.",
    "de": "Der Fluss fließt jeden Morgen an der alten Mühle vorbei und ist sehr kalt.",
    "it": "Il fiume passa ogni mattina davanti al vecchio mulino ed è molto bello.",
    "fi": "Joki virtaa joka aamu vanhan myllyn ohi, mutta se ei ole kovin leveä.",
    "vi": "Dòng sông chảy qua cối xay cũ mỗi buổi sáng và rất đẹp.",
    "sw": "Mto unapita karibu na kinu cha zamani kila asubuhi na ni mzuri sana.",
    "pl": "Rzeka płynie obok starego młyna każdego ranka i jest bardzo piękna.",
    "ru": "Река каждое утро течёт мимо старой мельницы, и она очень красивая.",
    "bg": "Реката тече покрай старата мелница всяка сутрин и е много красива.",
    "uk": "Річка щоранку тече повз старий млин, і вона дуже гарна.",
    "hi": "नदी हर सुबह पुरानी चक्की के पास से बहती है और यह बहुत सुंदर है।",
    "mr": "नदी रोज सकाळी जुन्या गिरणीजवळून वाहते आणि ती खूप सुंदर आहे.",
    "ne": "नदी हरेक बिहान पुरानो मिलको छेउबाट बग्छ र यो धेरै सुन्दर छ।",
    "ar": "يمر النهر بجانب الطاحونة القديمة كل صباح وهو جميل جدا.",
    "fa": "رودخانه هر روز صبح از کنار آسیاب قدیمی می‌گذرد و بسیار زیبا است.",
    "ur": "دریا ہر صبح پرانی چکی کے پاس سے گزرتا ہے اور یہ بہت خوبصورت ہے۔",
    "bn": "নদীটি প্রতিদিন সকালে পুরানো কলের পাশ দিয়ে বয়ে যায়।",
    "ta": "நதி ஒவ்வொரு காலையும் பழைய ஆலையைக் கடந்து ஓடுகிறது.",
    "te": "నది ప్రతి ఉదయం పాత మిల్లు పక్కన ప్రవహిస్తుంది.",
    "kn": "ನದಿ ಪ್ರತಿದಿನ ಬೆಳಿಗ್ಗೆ ಹಳೆಯ ಗಿರಣಿಯ ಪಕ್ಕದಲ್ಲಿ ಹರಿಯುತ್ತದೆ.",
    "gu": "નદી દરરોજ સવારે જૂની મિલ પાસેથી વહે છે.",
    "pa": "ਨਦੀ ਹਰ ਸਵੇਰ ਪੁਰਾਣੀ ਚੱਕੀ ਦੇ ਕੋਲੋਂ ਵਗਦੀ ਹੈ।",
    "th": "แม่น้ำไหลผ่านโรงสีเก่าทุกเช้า",
    "ko": "강은 매일 아침 오래된 방앗간 옆을 흐른다.",
    "ja": "川は毎朝、古い水車小屋のそばを流れています。",
    "zh": "河流每天早上流过古老的磨坊。",
    "he": "הנהר זורם ליד הטחנה הישנה כל בוקר.",
    "ml": "നദി എല്ലാ ദിവസവും രാവിലെ പഴയ മില്ലിനടുത്തുകൂടി ഒഴുകുന്നു.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_each_language_is_told_from_all_others(code: str) -> None:
    assert language_of(TEXTS[code]) == code
    assert {other for other in TEXTS if is_written_in(TEXTS[other], code)} == {code}


def test_capitals_do_not_hide_a_language() -> None:
    assert is_written_in(TEXTS["de"].upper(), "de")
    assert not is_written_in(TEXTS["de"].upper(), "en", evidence=False)


def test_names_alone_speak_for_no_language() -> None:
    assert language_of("DONALD TRUMP") is None
    assert not is_written_in("DONALD TRUMP", "en")
    assert is_written_in("DONALD TRUMP", "en", evidence=False)
    assert is_written_in("WAR AND PEACE", "en")


@pytest.mark.parametrize("text", ["", "12 + 3 = 15", "?! ...", "𝄞"])
def test_a_text_without_letters_is_in_no_language(text: str) -> None:
    assert language_of(text) is None
    assert not any(is_written_in(text, code, evidence=False) for code in KNOWN)


def test_a_mixture_is_in_neither_language() -> None:
    mixed = f"{TEXTS['en']} {TEXTS['ru']}"
    assert not is_written_in(mixed, "en")
    assert not is_written_in(mixed, "ru")


@given(st.text())
def test_telling_a_language_is_total(text: str) -> None:
    assert language_of(text) is None or language_of(text) in KNOWN
