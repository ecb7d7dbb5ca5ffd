"""
The type of a reactor.
"""

from typing import Any, TypeAlias

#: A reactor that is more than a clock: it also connects, listens, resolves names or has threads.
#:
#: It is ``Any``, because there is no type for that.  Twisted has an interface for each of these;
#: Python cannot say "all of them", and Twisted's own functions ask now for one and now for another.
#: An interface of ours that extends them would refuse every reactor that exists, as each declares
#: Twisted's.  And to mypy ``from twisted.internet import reactor`` is a module.
#:
#: Where only the time is needed, ``IReactorTime`` says so.
AnyReactor: TypeAlias = Any
