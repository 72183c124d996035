"""The worlds Darkhorse brings; importing this module registers them."""

from __future__ import annotations

from typing import Any

import darkhorse.agent.environments.openenv
import darkhorse.agent.environments.verifiers  # noqa: F401  registers their worlds
from darkhorse.agent.environments.base import Environment, Setting, register_environment
from darkhorse.agent.tools.base import ToolUnavailable, text_argument
from darkhorse.agent.tools.search import Document, Search, SearchIndex
from darkhorse.agent.tools.sql import Database, Sql
from darkhorse.agent.tools.workspace import Workspace, file_tools
from darkhorse.chat.reasoning import Response
from darkhorse.tasks.reasoning_gym import GAME, SUBMIT
from darkhorse.tasks.synthetic.agentic import database, debugging, feedback, retrieval, service, shop
from darkhorse.tasks.task import Task
from darkhorse.types import ToolSchema
from darkhorse.verify.registry import get, judge
from darkhorse.verify.verdict import Scored


@register_environment(database.ENVIRONMENT)
class DatabaseWorld(Environment):
    """A database of its own, which the tool `sql` reads. `setup`: `script`, the SQL that makes it."""

    def __init__(self, task: Task, setting: Setting) -> None:
        self._database = Database(str(task.setup["script"]))
        super().__init__({"sql": Sql(self._database)})

    async def close(self) -> None:
        """Forget the database."""
        self._database.close()


@register_environment(retrieval.ENVIRONMENT)
def retrieval_world(task: Task, setting: Setting) -> Environment:
    """Documents that the tool `search` finds. `setup`: `documents` with `title` and `text`."""
    return Environment({"search": Search(SearchIndex(Document(**entry) for entry in task.setup["documents"]))})


@register_environment(service.ENVIRONMENT)
class ServiceWorld(Environment):
    """A shop and a customer; see `darkhorse.tasks.synthetic.agentic.shop`. `setup`: `orders`, `customer`."""

    def __init__(self, task: Task, setting: Setting) -> None:
        self._shop, self._customer = shop.shop_of(task.setup)
        functions = self._shop.functions()
        schemas = {schema["function"]["name"]: schema for schema in shop.TOOLS}
        super().__init__({name: FunctionTool(schemas[name], function) for name, function in functions.items()})

    async def reply(self, response: Response) -> str | None:
        """What the customer says."""
        return self._customer.reply(response.answer)

    def state(self) -> Any:
        """The orders, whether the customer's were looked up, and whether the clerk declined."""
        looked_up = self._customer.email in self._shop.looked_up
        return {"orders": self._shop.state(), "looked_up": looked_up, "declined": self._customer.declined}


@register_environment(debugging.ENVIRONMENT)
class DebuggingWorld(Environment):
    """A workspace whose programs run in the sandbox. `setup`: `files`, text by name."""

    def __init__(self, task: Task, setting: Setting) -> None:
        if setting.context.sandbox is None:
            raise ToolUnavailable("there is no sandbox")
        files = {name: text.encode() for name, text in task.setup["files"].items()}
        workspace = Workspace(setting.context.sandbox, setting.context.limits, files)
        super().__init__(file_tools(workspace))
        self._workspace = next(iter(self.tools.values())).workspace  # type: ignore[attr-defined]  # the episode's own

    def state(self) -> Any:
        """The files."""
        return {"files": {name: text.decode("utf-8", "replace") for name, text in self._workspace.files.items()}}


@register_environment(feedback.ENVIRONMENT)
class FeedbackWorld(Environment):
    """A user who says what is wrong with an answer. `setup`: `hints`, said one after another to wrong answers.

    Its state holds the score of every answer that was given: the first one is the accuracy before feedback, the
    verdict on the episode the one after it. The tools are those of the run that the task shows.
    """

    def __init__(self, task: Task, setting: Setting) -> None:
        shown = [schema["function"]["name"] for schema in task.tools]
        super().__init__({name: setting.tools[name] for name in shown if name in setting.tools})
        self._task, self._context, self._hints = task, setting.context, list(task.setup["hints"])
        self._scores: list[float] = []

    async def reply(self, response: Response) -> str | None:
        """The next hint, unless the answer is right, cannot be judged, or no hint is left."""
        verdict = await judge(self._task, response, self._context)
        if not isinstance(verdict, Scored):
            return None
        self._scores.append(verdict.score)
        return self._hints.pop(0) if verdict.score < 1.0 and self._hints else None

    def state(self) -> Any:
        """Scores of the answers, in order."""
        return {"scores": self._scores}


@register_environment(GAME)
class TextGame(Environment):
    """A puzzle of `reasoning-gym` whose scorer may be asked a few times. `setup`: `attempts`."""

    def __init__(self, task: Task, setting: Setting) -> None:
        self._task, self._context, self._left = task, setting.context, int(task.setup["attempts"])
        super().__init__({"submit": FunctionTool(SUBMIT, self._submit)})

    async def _submit(self, answer: str) -> str:
        if self._left <= 0:
            return "Error: there is no attempt left; give your answer."
        self._left -= 1
        verdict = await get(self._task.verifier)(self._task, Response("", answer, True), self._context)
        if not isinstance(verdict, Scored):
            raise ToolUnavailable(verdict.reason)
        left = f"{self._left} attempt{'' if self._left == 1 else 's'} left."
        return "That is right." if verdict.score == 1.0 else f"Not right: the score is {verdict.score:.2g}. {left}"


class FunctionTool:
    """A function of text arguments as a tool.

    Args:
        schema: what the model is told; names the function and its parameters.
        function: what is called with the arguments; may be a coroutine function.
    """

    def __init__(self, schema: ToolSchema, function: Any) -> None:
        self._schema, self._function = schema, function

    @property
    def name(self) -> str:
        """As in the schema."""
        return str(self._schema["function"]["name"])

    @property
    def schema(self) -> ToolSchema:
        """As given."""
        return self._schema

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """What the function returns; `Error: ...` if an argument is missing, not wanted, or no text."""
        wanted = list(self._schema["function"]["parameters"]["properties"])
        texts = {name: text_argument(arguments, name) for name in wanted}
        if None in texts.values() or set(arguments) != set(wanted):
            return f"Error: {self.name} needs {', '.join(wanted)}"
        result = self._function(**texts)
        return str(await result if hasattr(result, "__await__") else result)
