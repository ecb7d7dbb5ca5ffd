"""
Access: an authorizer decides what a request may do, and a refusal becomes an HTTP answer.

To answer "may it publish, may it read", ``tokens/_verifier.py`` checks a token,
``rights/_grants.py`` reads the topics that it grants, and ``_authorizer.py`` here decides.  If an
application is asked instead, ``_decision.py`` reads its answer.
"""

from ._answer import HttpAnswer, answer_to, json_answer, quoted, to_json
from ._authorizer import ALL_TOPICS, AllowEveryone, Authorizer, TokenAuthorizer, TokenThenCallback
from ._callback import MAX_ASKED, CallbackAuthorizer
from ._checked import CheckedAuthorizer
from ._cors import allow_origin, answer_options
from ._development import LoopbackOnly, LoopbackOrigins
from ._origins import Origins, Source, origin_of

__all__ = [
    "ALL_TOPICS",
    "MAX_ASKED",
    "AllowEveryone",
    "Authorizer",
    "CallbackAuthorizer",
    "CheckedAuthorizer",
    "HttpAnswer",
    "LoopbackOnly",
    "LoopbackOrigins",
    "Origins",
    "Source",
    "TokenAuthorizer",
    "TokenThenCallback",
    "allow_origin",
    "answer_options",
    "answer_to",
    "json_answer",
    "origin_of",
    "quoted",
    "to_json",
]
