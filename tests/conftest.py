"""
Pytest's part of the tests: how they are spread over the cores of a machine.
"""

import importlib.metadata
import os
from functools import cache
from typing import Any

import pytest

# Pytest asks for the version of Twisted twice a test, and each time all of Twisted's metadata is
# read, which takes longer than most of our tests do.
importlib.metadata.version = cache(importlib.metadata.version)


@pytest.hookimpl(optionalhook=True)  # it is one of pytest-xdist's
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Any
) -> Any:  # neither has a public type
    """
    Give each worker whole files, for tests of one file share hubs and browsers; and begin with
    those of ``conformance`` and ``functional``, which take longer than those of ``unit``.
    """
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # by which those with the most tests would be first
    return LoadFileScheduling(config, log)


@pytest.hookimpl(optionalhook=True)  # it is one of pytest-xdist's
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """
    Have "-n auto" take one worker more than there are cores: tests with processes often wait.
    """
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 3
