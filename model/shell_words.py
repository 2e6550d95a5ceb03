"""A text split into words as a POSIX shell splits it: as `shlex.split` does, which takes seconds for a long word.

(It puts a word together letter by letter, copying all that it has each time.)
"""

import re

# Space, what stands as it is, in single quotes, in double quotes, after a backslash, and the beginning of what has no end.
_PART = re.compile(r"""([ \t\r\n]++)|([^ \t\r\n'"\\]++)|'([^']*+)'|"([^"\\]*+(?:\\.[^"\\]*+)*+)"|\\(.)|(.)""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')


def split(text: str) -> tuple[str, ...]:
    """The words; raises ValueError where a quotation or an escape has no end.

    >>> split("sh -c 'echo a b' --to=\\"a b\\" ''")
    ('sh', '-c', 'echo a b', '--to=a b', '')
    """
    words: list[str] = []
    parts: list[str] = []
    for space, plain, single, double, escaped, endless in _PART.findall(text):
        if space:
            words += ["".join(parts)] if parts else []
            parts = []
        elif endless:
            raise ValueError(_why(text))
        else:
            parts.append(plain or single or escaped or (_ESCAPED.sub(r"\1", double) if "\\" in double else double))
    return (*words, *(["".join(parts)] if parts else ()))


def _why(text: str) -> str:
    """What has no end: where it is an escape, the text ends with a backslash that is not escaped itself."""
    begins = next(found.start() for found in _PART.finditer(text) if found[6])
    rest = text[begins + (text[begins] == '"') :]
    escapes = text[begins] != "'" and (len(rest) - len(rest.rstrip("\\"))) % 2 == 1
    return "No escaped character" if escapes else "No closing quotation"
