"""
The type of a reactor.
"""

from typing import Any, TypeAlias

#: A reactor that is more than a clock: it also connects, listens, resolves names or has threads.
#:
#: ``Any``, because a type for that does not exist.  Twisted has an interface for each part; Python
#: cannot combine them, and Twisted's own functions ask sometimes for one and sometimes for
#: another.  An interface of ours that extends them would refuse every reactor, as each declares
#: Twisted's.  And to mypy ``from twisted.internet import reactor`` is a module.
#:
#: A parameter that only needs the time is an ``IReactorTime``.
AnyReactor: TypeAlias = Any
