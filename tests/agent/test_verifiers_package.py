"""Environments of the package `verifiers`: its own rollout and rubric, our turns."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from darkhorse.agent.environments.verifiers import verifiers_tasks
from darkhorse.errors import UserError
from packages import answer_of, folder_of


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("verifiers")
    packages = folder_of("verifiers", "verifiers>=0.1.14,<0.2", "DARKHORSE_TEST_VERIFIERS", folder)
    return answer_of("verifiers_client.py", packages)


@pytest.mark.slow
def test_its_tasks_show_its_prompts_and_tools(found: dict[str, Any]) -> None:
    assert found["prompt"] == [{"role": "user", "content": "2+3?"}]
    (tool,) = found["tools"]
    assert tool["function"]["name"] == "add" and sorted(tool["function"]["parameters"]["properties"]) == ["a", "b"]


@pytest.mark.slow
def test_its_tools_and_users_answer_and_its_rubric_decides(found: dict[str, Any]) -> None:
    assert found["called"] == [[[{"role": "tool", "content": "5"}], None], {"reward": 1.0}]
    assert found["wrong"] == [[None], {"reward": 0.0}]
    said, state = found["guessed"]
    assert [messages[0]["content"] for messages in said[:2]] == ["too low", "too high"] and said[2] is None
    assert state == {"reward": 1.0}
    assert found["given_up"][1] == {"reward": 0.0}


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", None)
    with pytest.raises(UserError, match=r"darkhorse\[verifiers\]"):
        verifiers_tasks("absent", 1)
