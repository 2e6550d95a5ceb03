"""The project that a command means where none is named: of --project, MOORING_PROJECT, or `mooring use`."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from typer import Typer
from typer.core import TyperCommand

from cli import session
from cli.api import Api, path
from cli.failures import Refused

_NAME = "of_project"
_NOT_FOUND = 404


def is_project(word: str) -> bool:
    """Whether the person is in a project of that name. Raises Refused and Unreachable."""

    async def asked() -> bool:
        async with Api(session.load()) as api:
            try:
                await api.get(path("/v2/projects", word))
            except Refused as refused:
                if refused.status == _NOT_FOUND:
                    return False
                raise
        return True

    return asyncio.run(asked())


class OfProject(TyperCommand):
    """A command whose first argument is PROJECT, which may be left out: it is what --project says, else the one in use.

    Where words are given that may be meant with a project or without, the first is one if there is a project of that name. Where
    any number of names may follow it always is one: nothing is deleted in a project that a script did not mean. A last word that is
    a number stands for an argument that is one, as an app cannot be called so; a NAME that may stand in a --file is needed where
    there is none.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        arguments = [param for param in self.params if param.param_type_name == "argument"]
        taken = {word for param in self.params for word in param.opts}
        self.leads = bool(arguments) and arguments[0].name == "project" and arguments[0].required and "--project" not in taken
        if self.leads:
            arguments[0].required, arguments[0].metavar = False, "[PROJECT]"
            arguments[0].help = "The project's name; by default the one in use."
            self.params.append(_option("--project", *([] if "-p" in taken else ["-p"])))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the project before the words that were given, where they are without it."""
        if self.leads:
            given, words = self._read(ctx, args)
            chosen, missing = given.get(_NAME), self._missing(given, words)
            if not chosen and (missing > 0 or self._may_take_more(len(words))) and not given.get("help"):
                chosen = session.project_in_use()
                if chosen is None and missing == 1:
                    ctx.fail("A word is missing. Name the project too, or choose one that need not be named: mooring use PROJECT")
                if chosen and missing <= 0 and is_project(words[0]):
                    chosen = None
            args = [chosen, *args] if chosen else args
        return super().parse_args(ctx, args)

    def _read(self, ctx: Any, args: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
        """The options, and the words that are none."""
        options: list[Any] = [param for param in self.get_params(ctx) if param.param_type_name == "option"]
        given, words, _ = TyperCommand(None, params=options).make_parser(ctx).parse_args(list(args))
        return given, words

    def _missing(self, given: dict[str, Any], words: list[str]) -> int:
        """How many words fewer there are than the command needs."""
        arguments = [param for param in self.params if param.param_type_name == "argument"]
        takes_number = not arguments[-1].required and arguments[-1].type_descriptor.annotation is int
        if takes_number and words and words[-1].isdecimal():
            words = words[:-1]
        named_in_file = bool(given.get("file")) or "file" not in {param.name for param in self.params}
        needed = [param for param in arguments[1:] if param.required or (param.name == "name" and not named_in_file)]
        return 1 + len(needed) - len(words)

    def _may_take_more(self, count: int) -> bool:
        """Whether a word may be missing that the command can do without; not where it takes any number."""
        arguments = [param for param in self.params if param.param_type_name == "argument"]
        return count < len(arguments) and all(param.nargs > 0 for param in arguments)


def _option(*words: str) -> Any:
    """The option as typer makes one; the command's function does not get its value."""
    made = Typer(add_completion=False)

    @made.command()
    def _(of_project: Annotated[str | None, typer.Option(*words, help="The project, in the argument's place.")] = None) -> None:
        pass

    found = next(param for param in typer.main.get_command(made).params if param.name == _NAME)
    found.expose_value = False
    return found


def let_projects_be_left_out(app: Typer) -> None:
    """Have every command of the app, and of the groups in it, take its project so."""
    for command in app.registered_commands:
        command.cls = OfProject
    for group in app.registered_groups:
        if group.typer_instance is not None:
            let_projects_be_left_out(group.typer_instance)
