"""The library `jsonschema`, in an environment of its own."""

from __future__ import annotations

from jsonschema import Draft202012Validator

from _peers import Desk


def main() -> None:
    desk = Desk()
    for question in desk.questions():
        validator = Draft202012Validator(question["schema"])
        desk.answer({"valid": [validator.is_valid(value) for value in question["values"]]})


if __name__ == "__main__":
    main()
