"""The leaderboard's own reading and checking of calls, in an environment with `bfcl-eval`.

The package's table of models imports every vendor's client; a stand-in with two models takes its place. Nothing of the
readers or the checker is changed.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from _peers import Desk


def _stand_in(name: str, **members: Any) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module


class _Dotted:
    underscore_to_dot = False


class _Underscored:
    underscore_to_dot = True


class _Handler:
    pass


_stand_in("bfcl_eval.constants.model_config", MODEL_CONFIG_MAPPING={"dotted": _Dotted, "underscored": _Underscored})
_stand_in("bfcl_eval.model_handler.local_inference.base_oss_handler", OSSHandler=_Handler)
_stand_in("overrides", override=lambda method: method)  # the stand-in of the base class has nothing to override

from bfcl_eval.constants.enums import Language, ReturnFormat  # noqa: E402
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker  # noqa: E402
from bfcl_eval.model_handler.local_inference.qwen_fc import QwenFCHandler  # noqa: E402
from bfcl_eval.model_handler.utils import default_decode_ast_prompting  # noqa: E402
from bfcl_eval.utils import is_empty_output, is_function_calling_format_output  # noqa: E402

HANDLER = object.__new__(QwenFCHandler)


def verdict(case: dict[str, Any]) -> str:
    """`right`, `wrong`, `unreadable`, or `crash` with the exception's name where the checker raises."""
    category, language = case["category"], case["language"]
    try:
        if "<tool_call>" in case["text"]:
            calls = HANDLER.decode_ast(case["text"], ReturnFormat(language), False)
        else:
            form = ReturnFormat.PYTHON if category.endswith("relevance") else ReturnFormat(language)
            calls = default_decode_ast_prompting(case["text"], form)
    except Exception:
        return "right" if category == "irrelevance" else "unreadable"
    if category.endswith("relevance"):
        called = not is_empty_output(calls)
        return "right" if called == (category == "relevance") else "wrong"
    if not is_function_calling_format_output(calls):
        return "unreadable"
    try:
        model = "underscored" if case.get("underscores") else "dotted"
        checked = ast_checker(case["functions"], calls, case["ground_truth"], Language(language), category, model)
    except Exception as error:
        return f"crash: {type(error).__name__}"
    return "right" if checked["valid"] else "wrong"


def main() -> None:
    desk = Desk()
    for question in desk.questions():
        entry = question["entry"]
        desk.answer({"verdicts": [verdict({**entry, "text": text}) for text in question["texts"]]})


if __name__ == "__main__":
    main()
