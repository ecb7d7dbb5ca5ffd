"""
Access: an authorizer decides what a request may do; a refusal is answered in HTTP's words.

May it publish, may it read: ``tokens/_verifier.py`` decides whether a token is believed,
``rights/_grants.py`` which topics it grants, and ``_authorizer.py`` here what the request may do.
Where an application is asked instead, ``_decision.py`` reads its answer.
"""

from ._answer import HttpAnswer, answer_to, json_answer
from ._authorizer import ALL_TOPICS, AllowEveryone, Authorizer, TokenAuthorizer, TokenThenCallback
from ._callback import CallbackAuthorizer
from ._challenge import quoted
from ._cors import allow_origin, answer_options
from ._development import LoopbackOnly, LoopbackOrigins
from ._origins import Origins, origin_of

__all__ = [
    "ALL_TOPICS",
    "AllowEveryone",
    "Authorizer",
    "CallbackAuthorizer",
    "HttpAnswer",
    "LoopbackOnly",
    "LoopbackOrigins",
    "Origins",
    "TokenAuthorizer",
    "TokenThenCallback",
    "allow_origin",
    "answer_options",
    "answer_to",
    "json_answer",
    "origin_of",
    "quoted",
]
