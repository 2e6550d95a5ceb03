"""What a Dockerfile may reach for in the builder's own name: base images, and what the builder itself fetches.

RUN is held by its container. FROM, COPY --from and ADD are the builder's own doing, with the builder's network and its right
to every repository of the platform's registry, so they are looked through first (Dockerfile reference; targets S10).
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping

from model.errors import BuildFailed
from model.images import HUB, PERSONAL, Registries, plain_host

LARGEST_DOCKERFILE = 256 * 1024
_TAGS_TOLD = 10
_SPACE = re.compile(r"[\t\v\f\r ]+")
_CONTINUED = re.compile(r"\\[ \t]*$")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*([^\\\s])", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def check_dockerfile(
    text: str, registries: Registries, owners: Collection[str], bases: Mapping[str, Collection[str]] | None = None
) -> None:
    """Return if all images are of `owners` (first segments of the platform's repositories) or of the other registries.

    `bases` are base images by repository with their tags, of which a refusal names the nearest.

    Raises BuildFailed with the line for another tenant's image, a registry that may not be named, an image that cannot be told
    before the build, and an ADD of an address.
    """
    if len(text) > LARGEST_DOCKERFILE:
        raise BuildFailed(f"The Dockerfile exceeds {LARGEST_DOCKERFILE // 1024} KiB.", hint="Shorten it.")
    stages: set[str] = set()
    arguments: dict[str, str] = {}
    began = False
    for number, line in _instructions(text):
        word, rest = _split(line)
        while word == "ONBUILD":
            word, rest = _split(rest)
        words = _words(rest)
        flags = [w for w in words if w.startswith("--")]
        plain = [w for w in words if not w.startswith("--")]
        if word == "ARG" and not began:
            _declare(arguments, words)
        if word == "FROM" and plain:
            began = True
            _check_image(number, _expanded(plain[0], arguments), registries, owners, stages, bases or {})
            if len(plain) == 3:
                stages.add(plain[2].lower())
        if word in ("COPY", "ADD"):
            for flag in flags:
                if flag.lower().startswith("--from=") and not flag[7:].isdigit():
                    _check_image(number, flag[7:], registries, owners, stages, bases or {})
        if word == "ADD":
            for source in plain[:-1]:
                _check_source(number, source)


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first line, the whole instruction), comments left out, continued lines put together."""
    first, line = 0, ""
    for number, piece in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        stripped = piece.strip()
        if not line and _ESCAPE.match(stripped):
            raise _refused(number, "sets another escape character, which is not supported", "Use the backslash.")
        if not stripped or stripped.startswith("#"):
            continue
        first = first if line else number
        line += _CONTINUED.sub("", piece.rstrip("\r"))
        if not _CONTINUED.search(piece.rstrip("\r")):
            yield first, line.strip()
            line = ""
    if line:
        yield first, line.strip()


def _split(line: str) -> tuple[str, str]:
    word, *rest = _SPACE.split(line.strip(), maxsplit=1)
    return word.upper(), rest[0] if rest else ""


def _words(rest: str) -> list[str]:
    """The words of an instruction: flags first, then words or a JSON list."""
    words: list[str] = []
    while rest.startswith("--"):
        flag, *after = _SPACE.split(rest, maxsplit=1)
        words.append(flag)
        rest = after[0] if after else ""
    try:
        listed = json.loads(rest)
    except ValueError:
        listed = None
    return words + ([str(w) for w in listed] if isinstance(listed, list) else _SPACE.split(rest))


def _declare(arguments: dict[str, str], words: list[str]) -> None:
    """Note the defaults of ARG before the first FROM, which alone can stand in a FROM; one given twice stays unknown ("$")."""
    for word in words:
        name, _, value = word.partition("=")
        arguments[name] = "$" if name in arguments else _expanded(value, arguments)


def _expanded(text: str, arguments: dict[str, str]) -> str:
    """The text with what ARGs stand for, none being passed from outside; any other way of writing one stays as it is."""
    return _VARIABLE.sub(lambda found: arguments.get(found[1] or found[2], ""), text)


def _check_image(
    line: int,
    image: str,
    registries: Registries,
    owners: Collection[str],
    stages: Collection[str],
    bases: Mapping[str, Collection[str]],
) -> None:
    if image.lower() in stages or image.lower() == "scratch":
        return
    if re.search(r"[$\"'\\]", image):
        fix = "Write it out, or with ${NAME} of an ARG that has a plain default before the first FROM."
        raise _refused(line, f"names an image that cannot be told before the build: {image[:200]!r}", fix)
    host, slash, path = image.partition("/")
    said = True
    if not slash or not ("." in host or ":" in host or host.lower() != host or host == "localhost"):
        host, path, said = HUB, image, False  # to the builder a name without a registry is Docker Hub's
    own, owner = plain_host(host) == plain_host(registries.own), re.split("[/:@]", path, maxsplit=1)[0]
    if not registries.takes(host):
        names = f"names the registry {host[:100]!r}" if said else f"names no registry and so means Docker Hub ({HUB})"
        rule = f"uses {image[:200]!r}, which {names}; {registries.told('has to be written in a Dockerfile')}"
        mine = not said and owner in owners
        raise _refused(line, rule, f"Write {registries.own}/{path}." if mine else _nearest(path, registries.own, bases))
    if own and owner not in owners:
        fix = "Use a public image, or one of this project or your own."
        raise _refused(line, f"uses {image[:200]!r}, which is neither public nor of this project", fix)


def _nearest(path: str, own: str, bases: Mapping[str, Collection[str]]) -> str:
    """What to write instead of an image of elsewhere.

    >>> _nearest("python:3.11-slim", "localhost:5000", {"public/python": ["3", "3.11", "latest"]})
    'Write localhost:5000/public/python:3.11.'
    """
    name, _, tag = path.partition("@")[0].rpartition("/")[2].partition(":")
    base = next((repository for repository in bases if repository.rpartition("/")[2] == name), None)
    if base is None:
        return f"Write {own}/public/… or {own}/<project>/…; GET /v2/images tells which there are."
    tags = sorted(bases[base])
    near = [t for t in tags if (tag or "latest") == t or tag.startswith((f"{t}-", f"{t}."))]
    if near:
        return f"Write {own}/{base}:{max(near, key=len)}."
    return f"Write {own}/{base} with a tag that it has: {', '.join(tags[:_TAGS_TOLD])}."


def _check_source(line: int, source: str) -> None:
    if source.startswith(("/", "./")):
        return
    if "://" in source or source.startswith("git@") or re.search(r"[$\"'\\]", source):
        fix = "Fetch it with RUN, or begin a path that holds a variable with './'."
        raise _refused(line, f"lets the builder itself fetch {source[:200]!r}", fix)


def owners_for(project: str, actor: str) -> frozenset[str]:
    """Whose images a build of the project by that actor may use, as the registry's first segments."""
    return frozenset({"public", project, PERSONAL + actor})


def _refused(line: int, rule: str, fix: str) -> BuildFailed:
    return BuildFailed(f"Line {line} of the Dockerfile {rule}.", hint=fix)
