"""Documents as a route takes them: the caller may use their images, and the metrics store takes their gates' queries."""

import asyncio
from collections.abc import Sequence

from api.access import Caller
from api.aside import aside
from api.placed import usable
from api.services import Services
from model.blueprints import Blueprint
from model.config_references import References
from model.errors import Invalid, Problem
from model.stack_documents import Kind, read_blueprint
from model.template_rollouts import AppRollout, Query

MOST_QUERIES = 50


async def read_document(
    services: Services, caller: Caller, kind: Kind, content: str, deployment: str, references: References
) -> Blueprint:
    """What a document means for the deployment of that name; `references` has the project's groups.

    Raises TooLarge, Invalid with every problem, each with line and column, and as `check_rollouts` does.
    """
    blueprint = await aside(read_blueprint, kind, content, deployment, usable(services, caller), references)
    await check_rollouts(services, [member.rollout for member in blueprint.members])
    return blueprint


async def check_rollouts(services: Services, rollouts: Sequence[AppRollout | None]) -> None:
    """Raise Invalid with the place of each query that the metrics store does not take, NoMetricsStore where there is none."""
    queries = [query for rollout in rollouts if rollout for query in rollout.queries]
    if len(queries) > MOST_QUERIES:
        raise _invalid([_problem(queries[MOST_QUERIES], f"is one query too many: gates may ask at most {MOST_QUERIES} in all")])
    found = await asyncio.gather(*(_asked(services, query) for query in queries))
    if problems := [problem for problem in found if problem]:
        raise _invalid(problems)


async def _asked(services: Services, query: Query) -> Problem | None:
    try:
        await services.metrics.check(query.query, query.field)
    except Invalid as error:
        return _problem(query, error.problems[0].message)
    return None


def _problem(query: Query, rule: str) -> Problem:
    return Problem(field=query.field, message=rule, line=query.line, column=query.column)


def _invalid(problems: list[Problem]) -> Invalid:
    told = "; ".join(f"line {p.line}, column {p.column}: {p.field} {p.message}" for p in problems[:5])
    return Invalid(f"content: {told}.", hint="Correct the document at the places named and send it again.", problems=problems)
