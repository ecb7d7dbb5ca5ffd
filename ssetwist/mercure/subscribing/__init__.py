"""
Subscribing: one request becomes a stream, and active subscriptions until the stream ends.
"""

from ._active import ActiveSubscriptions
from ._api import SubscriptionApi
from ._subscribing import Subscribing

__all__ = [
    "ActiveSubscriptions",
    "Subscribing",
    "SubscriptionApi",
]
