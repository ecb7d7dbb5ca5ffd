"""
Errors of the network, in words.
"""

from collections.abc import Iterator

from OpenSSL.SSL import Error as TLSError
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from ...errors import Disconnected

#: Characters of an error that are shown.
_MAX_SHOWN = 200


def describe(problem: BaseException) -> str:
    """
    Describe an error of the network, or of its library, in one short line.
    """
    return "; ".join(dict.fromkeys(_texts(problem)))[:_MAX_SHOWN]


def _texts(problem: BaseException) -> Iterator[str]:
    # Twisted wraps errors into others; only the inner ones say what happened.
    reasons = getattr(problem, "reasons", None)
    if isinstance(problem, TLSError) and problem.args and isinstance(problem.args[0], list):
        for *_, reason in problem.args[0]:  # before it, the names of a library and a function
            yield f"TLS: {reason}"
    elif reasons is None:
        yield " ".join(str(problem).split()) or type(problem).__name__
    else:
        for reason in reasons:
            yield from _texts(reason.value)


def disconnected(problem: BaseException) -> Disconnected:
    result = Disconnected(f"there was no response: {describe(problem)}")
    result.__cause__ = problem
    return result


def ended(reason: Failure, *, was_cut: bool = False) -> Disconnected:
    """
    Return the error with which a stream ends.

    :param was_cut: True if the connection is known to have been cut.  That matters for a response
        without a length: it ends properly with its connection (RFC 9112, 8).
    """
    if reason.check(ResponseDone) or (reason.check(PotentialDataLoss) and not was_cut):
        return Disconnected("the server has ended the stream", is_clean=True)
    problem: BaseException = reason.value  # type: ignore[assignment]  # None only if it is empty
    result = Disconnected(f"the connection was lost: {describe(problem)}")
    result.__cause__ = problem
    return result
