"""What the API tells to do by a request, told as the command that does it: one table for all messages."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from cli.words import clean

_REQUEST = re.compile(r"(GET|POST|PUT|DELETE) (/v2/[^\s?,;]+[^\s?,;.:)])(?:\?([^\s,;.)]+))?(?: (\{[^{}]*\}))?")
# Which command does it: `{…}` is a part of the path, and what the query and the body say become options.
_COMMANDS = (
    ("GET /v2/operations", "op ls --all"),
    ("GET /v2/operations/{id}", "op show {id}"),
    ("POST /v2/operations/{id}/{verb}", "op {verb} {id}"),
    ("POST /v2/projects", "project create NAME"),
    ("DELETE /v2/projects/{project}", "project delete {project}"),
    ("POST /v2/projects/{project}/release", "project release {project}"),
    ("PUT /v2/projects/{project}/members/{user}", "member set {project} {user} ROLE"),
    ("GET /v2/users", "user ls"),
    ("POST /v2/users", "user create NAME"),
    ("POST /v2/tokens", "token create NAME"),
    ("GET /v2/applications/{project}", "app ls {project}"),
    ("POST /v2/applications/{project}", "app create {project} NAME"),
    ("GET /v2/applications/{project}/{app}", "app show {project} {app}"),
    ("DELETE /v2/applications/{project}/{app}", "app delete {project} {app}"),
    ("GET /v2/applications/{project}/{app}/revisions", "app revisions {project} {app}"),
    ("GET /v2/applications/{project}/{app}/autoscaling", "app autoscale {project} {app}"),
    ("DELETE /v2/applications/{project}/{app}/autoscaling", "app autoscale {project} {app} --off"),
    ("POST /v2/applications/{project}/{app}/scale?type=auto", "app autoscale {project} {app}"),
    ("POST /v2/applications/{project}/{app}/scale?type=manual", "app scale {project} {app}"),
    ("POST /v2/applications/{project}/{app}/{verb}", "app {verb} {project} {app}"),
    ("GET /v2/instances/{project}/lists", "instance ls {project}"),
    ("GET /v2/instances/{project}/{app}/lists", "instance ls {project} {app}"),
    ("GET /v2/instances/{project}/{instance}", "instance show {project} {instance}"),
    ("GET /v2/containers/{project}/{instance}/lists", "container ls {project} {instance}"),
    ("GET /v2/containers/{project}/{instance}/{container}/logs", "logs {project} {instance} --container {container}"),
    ("POST /v2/instances/{project}/{instance}/{index}/{verb}", "instance {verb} {project} {instance}"),
    ("GET /v2/clusters/{cluster}/hosts", "host ls"),
    ("GET /v2/images", "image ls"),
    ("POST /v2/builds/{project}/sources", "build dir DIR --project {project}"),
    ("PUT /v2/builds/{project}/{build}", "build edit {project} {build}"),
    ("POST /v2/builds/{project}/{build}/build", "build run {project} {build}"),
    ("GET /v2/stacks/{project}/{stack}/versions", "stack versions {project} {stack}"),
    ("GET /v2/templates/{project}/{template}/versions", "template versions {project} {template}"),
)
# What a program sends in a header a person keeps in the environment or by signing in.
_HEADERS = {
    "Send the header 'Authorization: Bearer <token>' with a valid token; `mooring login` stores one.": (
        "Set MOORING_TOKEN, as `source .local/env` does for the embedded platform, or unset it and run `mooring login`."
    )
}
# What a program says in a body's field a person says by an option.
_FIELDS = {
    "or correct portMappings, which the probe follows.": "or say on which it does: --port of mooring app rollout.",
    'Where nothing shall be asked, {"readinessProbe": {"none": true}} turns that off.': (
        "Where nothing shall be asked, readinessProbe: {none: true} in a --file of mooring app rollout turns that off."
    ),
}
# A field that an option says is told with it; where a --file was given the field is the word to look for.
_FIELD = re.compile(
    r"(?:^|(?<=; ))(portMappings|dockerEnv|imageRef|instanceNum|configMap|secret|deadlineSeconds|resources\.(?:cpu|mem))"
    r"((?:\.\w+)*)(?=: )"
)
_SAID_BY = {
    "portMappings": "port",
    "dockerEnv": "env",
    "instanceNum": "instances",
    "configMap": "config",
    "resources.cpu": "cpu",
    "resources.mem": "mem",
}
_QUERY = re.compile(r"(?<!\S)\?(\w+)=(?=[\s:,.]|$)")
_OPTIONS = {
    "minReplicas": "min",
    "maxReplicas": "max",
    "targetCPUUtilization": "cpu",
    "imageRef": "image",
    "instances": "remove",
    "finalizers": "finalizer",
    "deadlineSeconds": "deadline",
}


def told(text: str) -> str:
    """A message of the API for a person at a terminal: requests that a command stands for are told as that command.

    >>> told('Start it: POST /v2/applications/shop/web/start. Or: POST /v2/applications/shop/web/rollback {"revision": 3}.')
    'Start it: mooring app start shop web. Or: mooring app rollback shop web --revision 3.'
    >>> told("See GET /v2/unheard/of.")
    'See GET /v2/unheard/of.'
    >>> told("portMappings.0.containerPort: is 0."), told("Give it by ?command=.")
    ('portMappings.0.containerPort (--port): is 0.', 'Give it by --command.')
    """
    for said, heard in {**_HEADERS, **_FIELDS}.items():
        text = text.replace(said, heard)
    text = _FIELD.sub(lambda found: f"{found.group(0)} (--{_SAID_BY.get(found[1], _OPTIONS.get(found[1], found[1]))})", text)
    text = _QUERY.sub(lambda found: f"--{_OPTIONS.get(found[1], found[1])}", text)
    return _REQUEST.sub(_command, clean(text))


def _command(found: re.Match[str]) -> str:
    method, place, query, body = found.groups()
    asked = f"{method} {place}"
    named = dict(parse_qsl(query or ""))
    for route, command in _COMMANDS:
        wanted, _, query_of_route = route.partition("?")
        chosen = dict(parse_qsl(query_of_route))
        parts = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", wanted), asked)
        if parts and chosen.items() <= named.items():
            left = {name: value for name, value in named.items() if name not in chosen}
            words = {name: shlex.quote(unquote(part)) for name, part in parts.groupdict().items()}
            return " ".join(["mooring", command.format(**words), *_options({**left, **_fields(body)})])
    return found.group(0)


def _fields(body: str | None) -> dict[str, Any]:
    try:
        found = json.loads(body or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _options(fields: Mapping[str, Any]) -> list[str]:
    """Fields as options; `true` is a flag."""
    made = []
    for field, value in fields.items():
        name = _OPTIONS.get(field, re.sub(r"(?<!^)([A-Z])", r"-\1", field).lower())
        values = value if isinstance(value, list) else [value]
        made += [f"--{name}" if one is True or one == "true" else f"--{name} {shlex.quote(str(one))}" for one in values]
    return made
