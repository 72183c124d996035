"""The thread that decodes is the one that loads."""

import threading

import pytest

import tiny
from darkhorse.errors import UserError
from darkhorse.serving.local import LocalBackend


def test_the_model_is_loaded_in_the_thread_that_decodes():
    names = []

    def open_policy():
        names.append(threading.current_thread().name)
        return tiny.policy()

    backend = LocalBackend(open_policy, 2, cache_gib=0.1)
    backend.stop()
    assert names == ["darkhorse-decoding"]


def test_what_loading_raises_is_raised():
    def open_policy():
        raise UserError("There is no such model.", "Name another.")

    with pytest.raises(UserError, match="no such model"):
        LocalBackend(open_policy)
