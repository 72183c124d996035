"""Functions over everyday domains: schemas with varying names, and requests that need them.

A request's words and the argument they stand for may differ ("half an hour" is 30 minutes), so that a call takes
reading, not copying. Functions of one family are easily confused and serve as each other's distractors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkhorse.tasks.synthetic.wordlists import CITIES, NAMES

Values = tuple[tuple[str, Any], ...]
"""Pairs of what the user says and the argument it stands for."""


@dataclass(frozen=True)
class Parameter:
    """A parameter: its possible names, JSON type, values, and whether the schema lists them (`enum`) or explains it.

    `default` makes it optional: a request template that leaves it out leaves it to the default.
    """

    names: tuple[str, ...]
    type: str
    values: Values
    enum: bool = False
    hint: str = ""
    default: Any = None


@dataclass(frozen=True)
class Function:
    """A function: its possible names, a terse description, parameters, and requests with `{i}` for parameter i."""

    family: str
    names: tuple[str, ...]
    about: str
    parameters: tuple[Parameter, ...]
    requests: tuple[str, ...]


def _same(*values: Any) -> Values:
    return tuple((str(value), value) for value in values)


_CITY = _same(*CITIES)
_NAME = _same(*NAMES)
_MINUTES: Values = (
    *((f"{n} minutes", n) for n in (5, 8, 10, 12, 20, 25, 40, 50)),
    ("half an hour", 30),
    ("an hour", 60),
    ("a quarter of an hour", 15),
    ("two hours", 120),
)
_TIME: Values = (
    ("7:30 am", "07:30"),
    ("6 am", "06:00"),
    ("8:15 am", "08:15"),
    ("noon", "12:00"),
    ("3 pm", "15:00"),
    ("5:45 pm", "17:45"),
    ("7 pm", "19:00"),
    ("9:30 pm", "21:30"),
    ("11 am", "11:00"),
    ("2:20 pm", "14:20"),
)
_MONEY: Values = (
    ("dollars", "USD"),
    ("euros", "EUR"),
    ("yen", "JPY"),
    ("pounds", "GBP"),
    ("francs", "CHF"),
    ("rupees", "INR"),
)
_SMALL: Values = (("two", 2), ("three", 3), ("four", 4), ("five", 5), ("6", 6), ("7", 7), ("8", 8))
_AMOUNT: Values = _same(15, 20, 35, 48, 60, 75, 90, 120, 250, 340, 12.5, 8.75, 99.9)
_ROOM = _same("kitchen", "bedroom", "office", "garage", "hall", "bathroom")
_DAY = _same("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TASK = _same(
    "water the plants", "pay rent", "call mom", "buy milk", "fix the bike", "book the dentist", "clean the oven"
)
_EVENT = _same("yoga", "lunch", "piano lesson", "team meeting", "haircut", "dentist", "book club")
_THING = _same("pens", "mugs", "batteries", "candles", "towels", "notebooks", "light bulbs")
_SONG = _same("Yellow Moon", "Blue Train", "Night Song", "River Road", "Golden Days", "Slow Dance")
_LIST = _same("Morning Mix", "Road Trip", "Deep Focus", "Party Hits", "Sunday Jazz")
_WORD = _same("serene", "brisk", "ponder", "humble", "vivid", "linger", "candid", "robust")
_PHRASE = _same("good morning", "thank you", "where is the station", "see you soon", "how much is it")
_LANGUAGE = _same("French", "German", "Spanish", "Italian", "Polish", "Japanese")

_CITY_P = Parameter(("city", "location", "place"), "string", _CITY)
_COUNT_P = Parameter(("count", "quantity", "amount"), "integer", _SMALL)
_TIME_P = Parameter(("time", "at"), "string", _TIME, hint="HH:MM, 24h")
_ROOM_P = Parameter(("room", "area"), "string", _ROOM)
_TO_P = Parameter(("to", "recipient", "person"), "string", _NAME)
_DAY_P = Parameter(("day", "weekday"), "string", _DAY)

FUNCTIONS: tuple[Function, ...] = (
    Function(
        "weather",
        ("get_weather", "weather_now", "current_weather"),
        "Weather right now",
        (
            _CITY_P,
            Parameter(("unit", "scale"), "string", _same("celsius", "fahrenheit"), enum=True, default="celsius"),
        ),
        (
            "What is the weather in {0} right now, in {1}?",
            "How warm is it in {0} now? Use {1}.",
            "Weather now in {0}, please.",
        ),
    ),
    Function(
        "weather",
        ("get_forecast", "weather_forecast", "forecast"),
        "Forecast for coming days",
        (_CITY_P, Parameter(("days", "num_days"), "integer", _SMALL)),
        ("Show the forecast for {0} for the next {1} days.", "Will it rain in {0} over the next {1} days?"),
    ),
    Function(
        "weather",
        ("air_quality", "get_air_quality"),
        "Air quality now",
        (_CITY_P,),
        ("How clean is the air in {0}?", "Check the air quality in {0}."),
    ),
    Function(
        "message",
        ("send_email", "email"),
        "Send an email",
        (_TO_P, Parameter(("subject", "title"), "string", _EVENT)),
        ('Email {0} with the subject "{1}".', 'Send an email to {0}, subject "{1}".'),
    ),
    Function(
        "message",
        ("send_sms", "text_message", "sms"),
        "Send a text message",
        (_TO_P, Parameter(("text", "message", "body"), "string", _PHRASE)),
        ('Text {0}: "{1}".', 'Send an SMS to {0} saying "{1}".'),
    ),
    Function(
        "message",
        ("call_person", "phone_call", "make_call"),
        "Start a phone call",
        (_TO_P, Parameter(("video", "with_video"), "boolean", (("a video call", True), ("a voice call", False)))),
        ("Start {1} with {0}.", "Make {1} to {0}."),
    ),
    Function(
        "clock",
        ("set_alarm", "add_alarm"),
        "Alarm at a clock time",
        (_TIME_P,),
        ("Wake me at {0}.", "Set an alarm for {0}."),
    ),
    Function(
        "clock",
        ("set_timer", "start_timer"),
        "Countdown timer",
        (Parameter(("minutes", "duration_min"), "integer", _MINUTES),),
        ("Set a timer for {0}.", "Start a countdown of {0}.", "Tell me when {0} have passed, with a timer."),
    ),
    Function(
        "convert",
        ("convert_currency", "exchange_money"),
        "Convert money",
        (
            Parameter(("amount", "value"), "number", _AMOUNT),
            Parameter(("from", "source"), "string", _MONEY[:3], hint="ISO code"),
            Parameter(("to", "target"), "string", _MONEY[3:], hint="ISO code"),
        ),
        ("Convert {0} {1} to {2}.", "How much is {0} {1} in {2}?"),
    ),
    Function(
        "convert",
        ("convert_length", "length_converter"),
        "Convert lengths",
        (
            Parameter(("value", "length"), "number", _AMOUNT),
            Parameter(("from_unit", "source"), "string", _same("miles", "feet", "inches")),
            Parameter(("to_unit", "target"), "string", _same("meters", "kilometers", "centimeters")),
        ),
        ("How many {2} are {0} {1}?", "Convert {0} {1} to {2}."),
    ),
    Function(
        "travel",
        ("book_flight", "reserve_flight"),
        "Book a flight",
        (
            Parameter(("origin", "from_city"), "string", _same(*CITIES[:10])),
            Parameter(("destination", "to_city"), "string", _same(*CITIES[10:])),
            Parameter(("seats", "passengers"), "integer", _SMALL, default=1),
        ),
        ("Book {2} seats on a flight from {0} to {1}.", "Book me a flight to {1} from {0}."),
    ),
    Function(
        "travel",
        ("book_train", "buy_train_ticket"),
        "Book a train",
        (
            Parameter(("origin", "from_city"), "string", _same(*CITIES[:10])),
            Parameter(("destination", "to_city"), "string", _same(*CITIES[10:])),
            Parameter(("first_class", "premium"), "boolean", (("first class", True), ("second class", False))),
        ),
        ("Book a {2} train from {0} to {1}.", "Get me a {2} train ticket to {1} from {0}."),
    ),
    Function(
        "travel",
        ("book_hotel", "reserve_room"),
        "Book a hotel room",
        (
            _CITY_P,
            Parameter(("nights", "num_nights"), "integer", _SMALL),
            Parameter(("breakfast", "with_breakfast"), "boolean", (("with", True), ("without", False)), default=False),
        ),
        ("Book a hotel in {0} for {1} nights {2} breakfast.", "Find a hotel room in {0} for {1} nights."),
    ),
    Function(
        "music",
        ("play_song", "play_track"),
        "Play one song",
        (Parameter(("title", "song"), "string", _SONG),),
        ('Play the song "{0}".', 'Put on the track "{0}".'),
    ),
    Function(
        "music",
        ("play_playlist", "start_playlist"),
        "Play a playlist",
        (
            Parameter(("name", "playlist"), "string", _LIST),
            Parameter(("shuffle", "random_order"), "boolean", (("shuffled", True), ("in order", False)), default=False),
        ),
        ('Play my "{0}" playlist {1}.', 'Start the playlist "{0}", {1}.', 'Put on the "{0}" playlist.'),
    ),
    Function(
        "music",
        ("set_volume", "change_volume"),
        "Set volume 0-100",
        (Parameter(("level", "percent"), "integer", (("half", 50), ("full", 100), *_same(10, 25, 30, 45, 70, 85))),),
        ("Set the volume to {0}.", "Change the volume to {0}."),
    ),
    Function(
        "home",
        ("set_light", "switch_light"),
        "Switch a light",
        (_ROOM_P, Parameter(("on", "state"), "boolean", (("on", True), ("off", False)))),
        ("Turn {1} the light in the {0}.", "Switch the {0} light {1}."),
    ),
    Function(
        "home",
        ("dim_light", "set_brightness"),
        "Set light brightness %",
        (_ROOM_P, Parameter(("percent", "brightness"), "integer", _same(10, 20, 35, 40, 55, 65, 80))),
        ("Dim the {0} light to {1} percent.", "Set the {0} light to {1}% brightness."),
    ),
    Function(
        "home",
        ("set_heating", "set_thermostat"),
        "Set room temperature",
        (_ROOM_P, Parameter(("degrees", "temperature"), "number", _same(17, 18.5, 19, 20, 21.5, 22, 23))),
        ("Heat the {0} to {1} degrees.", "Set the {0} temperature to {1}."),
    ),
    Function(
        "food",
        ("order_pizza", "pizza_order"),
        "Order pizza",
        (
            Parameter(("size",), "string", _same("small", "medium", "large"), enum=True),
            Parameter(("topping", "kind"), "string", _same("mushroom", "cheese", "olive", "tuna", "spinach")),
            Parameter(("count", "quantity"), "integer", _SMALL, default=1),
        ),
        ("Order {2} {0} {1} pizzas.", "Get me a {0} pizza with {1}."),
    ),
    Function(
        "food",
        ("book_table", "reserve_table"),
        "Reserve a table",
        (Parameter(("guests", "people"), "integer", _SMALL), _TIME_P),
        ("Book a table for {0} at {1}.", "Reserve a table at {1} for {0} people."),
    ),
    Function(
        "food",
        ("find_recipe", "search_recipes"),
        "Find recipes",
        (
            Parameter(("ingredient", "food"), "string", _same("rice", "lentils", "carrots", "pasta", "beans", "eggs")),
            Parameter(("max_minutes", "time_limit"), "integer", _MINUTES),
        ),
        ("Find a recipe with {0} that takes at most {1}.", "What can I cook with {0} within {1}?"),
    ),
    Function(
        "language",
        ("translate", "translate_text"),
        "Translate text",
        (Parameter(("text", "phrase"), "string", _PHRASE), Parameter(("language", "to"), "string", _LANGUAGE)),
        ('Translate "{0}" to {1}.', 'How do you say "{0}" in {1}?'),
    ),
    Function(
        "language",
        ("define_word", "dictionary"),
        "Meaning of a word",
        (Parameter(("word", "term"), "string", _WORD),),
        ('What does "{0}" mean?', 'Define the word "{0}".'),
    ),
    Function(
        "language",
        ("find_synonyms", "thesaurus"),
        "Similar words",
        (
            Parameter(("word", "term"), "string", _WORD),
            Parameter(("limit", "max_results"), "integer", _SMALL, default=5),
        ),
        ('Give me {1} synonyms of "{0}".', 'List words similar to "{0}".'),
    ),
    Function(
        "shop",
        ("add_to_cart", "cart_add"),
        "Add items to the cart",
        (Parameter(("item", "product"), "string", _THING), _COUNT_P),
        ("Add {1} {0} to my cart.", "Put {1} {0} in the cart."),
    ),
    Function(
        "shop",
        ("remove_from_cart", "cart_remove"),
        "Remove items from the cart",
        (Parameter(("item", "product"), "string", _THING),),
        ("Take the {0} out of my cart.", "Remove the {0} from the cart."),
    ),
    Function(
        "shop",
        ("track_order", "order_status"),
        "Where is an order",
        (Parameter(("order_id", "order"), "string", _same("A17", "B42", "C88", "D05", "K31", "M64", "T90")),),
        ("Where is my order {0}?", "Track order {0}."),
    ),
    Function(
        "calendar",
        ("add_event", "create_event"),
        "Add a calendar event",
        (Parameter(("title", "event"), "string", _EVENT), _DAY_P, _TIME_P),
        ("Put {0} in my calendar on {1} at {2}.", "Schedule {0} for {1} at {2}."),
    ),
    Function(
        "calendar",
        ("cancel_event", "delete_event"),
        "Cancel a calendar event",
        (Parameter(("title", "event"), "string", _EVENT), _DAY_P),
        ("Cancel {0} on {1}.", "Delete {0} on {1} from my calendar."),
    ),
    Function(
        "calendar",
        ("add_todo", "create_task"),
        "Add a to-do",
        (
            Parameter(("task", "todo"), "string", _TASK),
            Parameter(
                ("priority",),
                "string",
                (("urgent", "high"), ("normal", "medium"), ("minor", "low")),
                enum=True,
                default="medium",
            ),
        ),
        ('Add "{0}" to my to-dos; it is {1}.', 'Add the to-do "{0}".'),
    ),
    Function(
        "fitness",
        ("log_run", "add_run"),
        "Record a run",
        (
            Parameter(("km", "distance_km"), "number", _same(3, 4.5, 5, 7.2, 8, 10, 12.5)),
            Parameter(("minutes", "duration_min"), "integer", _MINUTES),
        ),
        ("Log a run of {0} km in {1}.", "Record that I ran {0} km in {1}."),
    ),
    Function(
        "fitness",
        ("log_weight", "add_weight"),
        "Record body weight",
        (Parameter(("kg", "weight_kg"), "number", _same(58, 61.5, 64, 70.2, 75, 82.4)),),
        ("Log my weight: {0} kg.", "Record my weight as {0} kg."),
    ),
)
