"""What a person asked for that cannot be meant."""


class UsageProblem(Exception):  # noqa: N818 - a person's mistake, not the program's
    """Options that cannot be meant; the text is one line that says what to do."""
