"""What IFBench's instructions name: names, cities, columns."""

# ruff: noqa: SIM905 (words read better in a row than each in quotes)

from __future__ import annotations

NAMES = (
    "Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin "
    "Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria "
    "Elijah Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan "
    "Stella Jonathan"
).split()
"""The names that the prompts list."""

CAPITALS = (
    "Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw "
    "London Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb"
).split()
"""European capitals north of 45 degrees, from the north, as published: Kyiv, at 50.45, is missing."""

COUNTRIES = frozenset(
    name.strip()
    for name in (
        "algeria, angola, benin, botswana, burkina faso, burundi, cabo verde, cape verde, cameroon, "
        "central african republic, chad, comoros, democratic republic of the congo, democratic republic of congo, "
        "republic of the congo, republic of congo, congo, dr congo, cote d'ivoire, ivory coast, djibouti, egypt, "
        "equatorial guinea, eritrea, eswatini, swaziland, ethiopia, gabon, gambia, the gambia, ghana, guinea, "
        "guinea-bissau, kenya, lesotho, liberia, libya, madagascar, malawi, mali, mauritania, mauritius, morocco, "
        "mozambique, namibia, niger, nigeria, rwanda, sao tome and principe, senegal, seychelles, sierra leone, "
        "somalia, south africa, south sudan, sudan, tanzania, togo, tunisia, uganda, zambia, zimbabwe, western sahara"
    ).split(",")
)
"""The countries of Africa under their usual names, without accents and in lowercase."""

PRODUCT_COLUMNS = ("ProductID", "Category", "Brand", "Price", "Stock")
STUDENT_COLUMNS = ("StudentID", "Subject", "Grade", "Semester", "Score")
TEMPLATE = ("My Answer:", "My Conclusion:", "Future Outlook:")
