"""Where the cause of a failure lies, where its reason alone does not tell."""

from enum import StrEnum


class Cause(StrEnum):
    """What has to be mended: by it, not by the words of a message, is chosen what to offer."""

    # CommandNotFound
    COMMAND = "command"  # what was asked to be run is not in the image
    IMAGE = "image"  # the image's own: its platform, its loader, its libraries, a script's first line
    SCRIPT = "script"  # what runs calls something that is not there, or may not be run: the image or the command is wrong
    # SourceUnreachable, BuildFailed
    ADDRESS = "address"
    BRANCH = "branch"
    PATHS = "paths"
    AWAY = "away"  # it does not answer for now
    # Unschedulable
    LABELS = "labels"  # no node has the labels that are asked for
    TOO_LARGE = "too-large"  # no node has that much, even if it were empty
    APART = "apart"  # each instance wants a node of its own
    BESIDE = "beside"  # the version before holds the place
