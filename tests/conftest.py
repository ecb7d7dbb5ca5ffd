"""
Settings for pytest: the distribution of the tests over the cores of a machine.
"""

import gc
import importlib.metadata
import os
from functools import cache
from typing import Any

import pytest
from twisted.trial import _synctest

# For each test, pytest asks twice for the version of Twisted, and reads all of Twisted's metadata
# each time.  This takes longer than most of our tests do.
importlib.metadata.version = cache(importlib.metadata.version)

# Before each test, trial makes a thousand modules forget their warnings.  Python does so by itself
# when the filters change, and they change in each test.
_synctest._setWarningRegistryToNone = lambda modules: None


def pytest_collection_finish() -> None:
    """
    Keep the modules and the tests themselves out of every later garbage collection: they are so
    many that a collection takes longer than most tests do.
    """
    gc.freeze()


@pytest.hookimpl(optionalhook=True)  # a hook of pytest-xdist
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Any
) -> Any:  # neither has a public type
    """
    Give each worker whole files, because tests of one file share hubs and browsers.  Begin with the
    files of ``conformance`` and ``functional``, which take longer than those of ``unit``.
    """
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # which would put the files with the most tests first
    return LoadFileScheduling(config, log)


@pytest.hookimpl(optionalhook=True)  # a hook of pytest-xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """
    Start one worker more than there are cores with "-n auto": tests with processes often wait.
    """
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 3
