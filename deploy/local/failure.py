"""The one error that people see: a sentence that says what is wrong and what to do about it."""


class SetupError(Exception):
    """Something the person at the keyboard can put right; its text is shown as it is, without a traceback."""
