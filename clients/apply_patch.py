"""The body of a server-side apply: JSON that the API server's YAML reader takes for what it says.

An apply patch has one media type, and what comes under it is read as YAML (Kubernetes: API Concepts, Server-Side Apply), whose
double-quoted texts differ from JSON's in two ways. `\\ud83d\\udc33`, half and half of one character, is no text there: it has to
stand in UTF-8 as it is. A line's end written as it is (NEL, U+2028, U+2029) is folded to a blank, a control character, byte order
mark or non-character refused: those have to be escaped.
"""

import json
import re
from typing import Any

MEDIA_TYPE = "application/apply-patch+yaml; charset=utf-8"
# YAML 1.1, c-printable less the line breaks beyond ASCII; json escapes what is below the blank by itself.
_TO_ESCAPE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def written(obj: Any) -> bytes:
    """The object as the patch's body, in UTF-8.

    >>> written({"whale": "\\U0001f433", "line": "a\\u2028b"}).decode() == '{"whale": "\\U0001f433", "line": "a\\\\u2028b"}'
    True
    """
    text = json.dumps(obj, ensure_ascii=False)
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
