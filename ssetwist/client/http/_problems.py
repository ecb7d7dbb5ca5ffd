"""
What went wrong, in words.
"""

from collections.abc import Iterator

from OpenSSL.SSL import Error as TLSError
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from ...errors import Disconnected

#: How much of what a network says is shown, in characters.
_SHOWN = 200


def describe(problem: BaseException) -> str:
    """
    Say what the network or its library says, in one short line.
    """
    return "; ".join(dict.fromkeys(_texts(problem)))[:_SHOWN]


def _texts(problem: BaseException) -> Iterator[str]:
    # Twisted wraps what happened into what that was the end of; only the former means something.
    reasons = getattr(problem, "reasons", None)
    if isinstance(problem, TLSError) and problem.args and isinstance(problem.args[0], list):
        for *_, reason in problem.args[0]:  # with the names of a library and of its function
            yield f"TLS: {reason}"
    elif reasons is None:
        yield " ".join(str(problem).split()) or type(problem).__name__
    else:
        for reason in reasons:
            yield from _texts(reason.value)


def disconnected(problem: BaseException) -> Disconnected:
    """
    Return what an attempt fails with that has got no response.
    """
    result = Disconnected(f"there was no response: {describe(problem)}")
    result.__cause__ = problem
    return result


def ended(reason: Failure, *, was_cut: bool = False) -> Disconnected:
    """
    Return what a stream ends with when its bytes have.

    :param was_cut: Whether the connection is known to have been cut.  If a response has no length
        that must be known, because then the end of the connection is that of the response, and a
        proper one (RFC 9112, 8).
    """
    if reason.check(ResponseDone) or (reason.check(PotentialDataLoss) and not was_cut):
        return Disconnected("the server has ended the stream", is_clean=True)
    problem: BaseException = reason.value  # type: ignore[assignment]  # None in an empty one only
    result = Disconnected(f"the connection was lost: {describe(problem)}")
    result.__cause__ = problem
    return result
