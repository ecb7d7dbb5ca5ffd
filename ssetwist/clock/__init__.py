"""
Two kinds of time.  Durations are measured by a steady clock, which nobody can set; dates are read
from the time of day.
"""

from ._dates import date_of
from ._insides import measure_tls_by
from ._steady import SteadyReactor, reactor_behind, steady

__all__ = ["SteadyReactor", "date_of", "measure_tls_by", "reactor_behind", "steady"]
