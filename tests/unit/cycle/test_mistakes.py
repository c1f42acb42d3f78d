"""Whose mistake an exception of the agent's is: its own, or that of a host which is out of something."""

import errno

import pytest

from agent.mistakes import own_failure
from probes.failure import Failure


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OSError(errno.EMFILE, "Too many open files"), Failure.TOO_MANY_FILES),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), Failure.OUT_OF_MEMORY),
        (MemoryError(), Failure.OUT_OF_MEMORY),
        (OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol"), Failure.INTERNAL_ERROR),
        (ValueError("nonsense"), Failure.INTERNAL_ERROR),
    ],
)
def test_only_a_host_that_is_out_of_something_is_not_our_own_mistake(error: Exception, failure: Failure) -> None:
    assert own_failure("sample", error).failure is failure


def test_a_mistake_names_its_kind_and_is_cut_short() -> None:
    assert own_failure("sample", ValueError("x" * 500)).detail == f"ValueError: {'x' * 200}"
