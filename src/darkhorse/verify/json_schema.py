"""The verifier `json_schema`: JSON that satisfies a schema."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.tasks.texts import unfenced
from darkhorse.verify.registry import Context, register
from darkhorse.verify.schema_rules import SchemaError, check_schema, has_costly_patterns, schema_problem, within_depth
from darkhorse.verify.stated import strict_json
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict
from darkhorse.verify.workers import WorkerPool, WorkerRaised, WorkerTimeout

MAX_TEXT = 100_000  # characters of an answer
PATTERN_LIMIT_S = 1.0

_POOL = WorkerPool("darkhorse.verify.schema_rules:schema_problem_of", workers=2, timeout_s=PATTERN_LIMIT_S)
_TRUTH: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@register("json_schema")
async def json_schema(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the whole answer, which may stand in a code fence, is JSON that satisfies the schema `{"schema": ...}`.

    A schema with an unknown keyword abstains: a rule that nobody checks is no rule. `format` is an annotation, as the
    standard has it.
    """
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    if set(truth) != {"schema"} or not isinstance(truth["schema"], dict | bool):
        return bad_truth(task, 'expected {"schema": {...}}')
    schema = truth["schema"]
    try:
        check_schema(schema)
    except SchemaError as error:
        return bad_truth(task, f"schema: {error}")
    if len(response.answer) > MAX_TEXT:
        return Scored(0.0, "The answer is too long.", kind="unparseable_prediction")
    try:
        value = strict_json(unfenced(response.answer))
    except (ValueError, RecursionError) as error:
        return Scored(0.0, f"The answer is not valid JSON: {str(error)[:100]}.", kind="unparseable_prediction")
    try:
        problem = (
            await _problem_in_time(value, schema) if has_costly_patterns(schema) else schema_problem(value, schema)
        )
    except (SchemaError, WorkerRaised) as error:
        return bad_truth(task, f"schema: {error}")
    except WorkerTimeout as error:
        if error.cpu_s is not None and error.cpu_s < PATTERN_LIMIT_S / 2:
            return Abstained("The machine was too busy to match the patterns.", {}, "timeout")
        problem = "a pattern takes too long to match"
    if problem is None:
        return Scored(1.0, "The answer satisfies the schema.")
    return Scored(0.0, f"The answer does not satisfy the schema: {problem}.")


async def _problem_in_time(value: Any, schema: Any) -> str | None:
    if not within_depth(value):
        return "it nests too deeply"  # for the way to the other process
    problem: str | None = await _POOL.submit([value, schema])
    return problem
