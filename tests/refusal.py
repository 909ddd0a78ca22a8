"""What a refusal of bad input looks like."""

from paddle_vae import InputError

import pytest


def refused(call, *words):
    """The call ends in an InputError of one sentence that holds these words."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and ": " in message, message
    for word in words:
        assert str(word) in message, message
    return message
