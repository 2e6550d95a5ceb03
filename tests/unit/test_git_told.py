"""What is told of a Git repository that has not what is asked for."""

import pytest

from clients.git import Git
from model.errors import SourceUnreachable


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ({}, "is empty: it has no branch and no tag"),
        ({"refs/heads/dev": "1", "refs/tags/v1": "2"}, "no branch or tag 'main'; its branches are: dev"),
        ({"refs/tags/v1": "2"}, "no branch or tag 'main'; its branches are: none at all"),
    ],
)
async def test_what_there_is_instead(there: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def references(url: str, *which: str) -> dict[str, str]:
        return there

    git = Git()
    monkeypatch.setattr(git, "_references", references)
    with pytest.raises(SourceUnreachable, match=told):
        await git.commit_of("https://git.example.com/web.git", "main")
