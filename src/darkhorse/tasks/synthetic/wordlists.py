"""Words that the generators of the general suites draw from."""

# ruff: noqa: SIM905 (words read better in a row than each in quotes)

from __future__ import annotations

NAMES = (
    "Maria Tom Anna Omar Lena Paul Nina Ivan Sara Hugo Mei Jack Priya Luis Emma Noah Fatima Karl Zoe Ben "
    "Ines Kofi Ruth Amir Clara Felix Yuki Dan Rosa Leo"
).split()

CITIES = (
    "Paris Rome Oslo Lima Cairo Tokyo Berlin Madrid Dublin Vienna Athens Boston Delhi Prague Lisbon Seoul "
    "Warsaw Nairobi Toronto Milan"
).split()

PLACES = (
    "river garden library market forest bridge harbor school castle island farm mountain lake museum park village "
    "bakery orchard canal valley square station theater beach"
).split()
THINGS = (
    "bicycle lamp clock piano boat robot kite drum tent wagon candle train window guitar mirror ladder radio chair"
).split()
ANIMALS = "dog cat horse bird rabbit donkey parrot pony goat fox turtle hen".split()

PLACE_ADJECTIVES = "quiet old busy wide green small famous sunny calm bright clean peaceful lovely huge hidden".split()
THING_ADJECTIVES = "old red heavy bright small simple useful broken shiny blue clean strong wooden fine new".split()
ANIMAL_ADJECTIVES = "young brown clever gentle happy small hungry loud calm white shy brave quick tired kind".split()

PLACE_DEEDS = (
    "fills with light",
    "draws many visitors",
    "lies near the hill",
    "feels calm",
    "keeps many stories",
    "stays cool",
    "makes people smile",
    "looks lovely",
    "has a long past",
    "welcomes families",
    "gives us peace",
    "changes slowly",
)
THING_DEEDS = (
    "works very well",
    "stands by the door",
    "makes a soft sound",
    "needs some care",
    "shines",
    "lasts for years",
    "belongs to my aunt",
    "came from a shop",
    "helps us a lot",
    "costs little",
    "looks good",
    "moves slowly",
)
ANIMAL_DEEDS = (
    "runs fast",
    "sleeps by the fire",
    "likes warm food",
    "waits at the gate",
    "plays with us",
    "follows the children",
    "drinks cold water",
    "hides in the barn",
    "makes us laugh",
    "looks around",
    "eats fresh grass",
    "knows the way",
)
TIMES = (
    "in the morning",
    "at night",
    "every day",
    "in summer",
    "after the rain",
    "all year",
    "on quiet evenings",
    "before lunch",
    "in cold weather",
    "most of the time",
)
OPENERS = "Sometimes Today Often Usually Luckily Perhaps Surely Clearly Honestly Truly Indeed Nowadays".split()
CLOSERS = "today again together forever here too now indeed anyway daily nicely there".split()
EXTRAS = (
    "stone lantern friend basket blanket letter pebble ribbon painter farmer sailor teacher hat coat map cup spoon "
    "flower bench poem cloud baker neighbor song feather button shell bottle flag bell"
).split()
PLACEHOLDERS = "name city date friend season color".split()
JSON_KEYS = "text note summary message about line".split()

OPTIONS: dict[str, tuple[str, ...]] = {
    "fruits": tuple("apple pear plum fig lime mango cherry grape lemon peach melon banana kiwi papaya".split()),
    "animals": tuple("cat dog horse goat rabbit tiger zebra otter camel panda wolf eagle mouse lion".split()),
    "colors": tuple("red blue green pink brown black white orange purple yellow gray violet teal".split()),
    "tools": tuple("hammer saw drill wrench pliers ladder shovel rake chisel axe level clamp".split()),
    "sports": tuple("tennis golf rugby soccer hockey judo boxing rowing skiing cricket fencing archery".split()),
    "vegetables": tuple("carrot onion leek potato radish celery spinach cabbage turnip pepper garlic pumpkin".split()),
    "jobs": tuple("nurse baker pilot lawyer teacher farmer painter judge tailor singer dentist plumber".split()),
    "countries": tuple("chile france kenya japan peru norway egypt india spain brazil ghana nepal cuba".split()),
    "instruments": tuple("violin piano flute drum harp cello trumpet guitar banjo oboe tuba organ".split()),
    "clothes": tuple("shirt coat scarf glove sock hat belt jacket dress skirt boots sweater".split()),
}

CUSTOMER_ITEMS = tuple(
    "kettle lamp jacket backpack blender chair clock phone keyboard toaster mug heater watch suitcase".split()
)
COLLEAGUE_ITEMS = tuple(
    "report spreadsheet invoice contract schedule poster budget agenda newsletter leaflet handbook".split()
)
FRIEND_ITEMS = tuple("guitar bike umbrella camera tent scooter drum kite radio lamp skateboard".split())
