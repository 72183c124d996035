"""A real MCP server over standard input and output: schemas, calls, mistakes, isolation, death and return."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from darkhorse.agent.tools import ToolSettings, build_tools
from darkhorse.agent.tools.base import function_schema
from darkhorse.agent.tools.mcp import McpConnection, McpServer, McpTool
from darkhorse.errors import UserError
from packages import answer_of, folder_of


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    packages = folder_of("mcp", "mcp>=2.0", "DARKHORSE_TEST_MCP", tmp_path_factory.mktemp("mcp"))
    return answer_of("mcp_client.py", packages)


@pytest.mark.slow
def test_functions_are_offered_as_the_server_describes_them(found: dict[str, Any]) -> None:
    assert sorted(found["schemas"]) == ["add", "die", "fail", "remember", "sleep"]
    function = found["schemas"]["add"]["function"]
    assert function["description"] == "Add two numbers."
    assert sorted(function["parameters"]["properties"]) == ["a", "b"]


@pytest.mark.slow
def test_every_episode_has_a_server_of_its_own_unless_it_is_shared(found: dict[str, Any]) -> None:
    assert found["first"] == ["5", "one"]
    assert found["second"] == ["two", "two, three"]
    assert found["shared"] == ["a", "a, b"]


@pytest.mark.slow
def test_a_models_mistake_is_told_to_it(found: dict[str, Any]) -> None:
    wrong, failed, right = found["mistakes"]
    assert wrong.startswith("Error: ") and failed.startswith("Error: ")
    assert right == "2"


@pytest.mark.slow
def test_a_server_that_hangs_or_dies_is_unavailable_and_the_next_call_starts_it_again(found: dict[str, Any]) -> None:
    assert found["late"][0].startswith("unavailable: ") and found["late"][1] == "2"
    assert found["late_s"] < 20
    assert found["killed"][0].startswith("unavailable: ") and found["killed"][1] == "8"


@pytest.mark.slow
def test_a_server_that_does_not_start_is_the_users_to_mend(found: dict[str, Any]) -> None:
    assert "does not answer" in found["absent"]


@pytest.mark.parametrize("text", ["half \ud83d", float("nan")])
def test_what_cannot_be_sent_is_the_models_mistake(text: Any) -> None:
    tool = McpTool(McpConnection(McpServer(("no such program",))), function_schema("f", "", "text", ""))
    assert asyncio.run(tool({"text": text})).startswith("Error: the arguments cannot be sent")


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(UserError, match=r"darkhorse\[mcp\]"):
        build_tools("mcp:some-server --flag", ToolSettings())
