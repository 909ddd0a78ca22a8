"""The one exception that bad input ends in."""


class InputError(ValueError):
    """A file or an argument is not what it must be; the message is one sentence with the remedy."""
