"""
Reading keys from files and environment variables.  Never from the command line itself: everybody
on the machine can see that in the list of processes.
"""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ._keys import MAX_KEY_BYTES, is_pem

_VARIABLE = "env:"
_FILE = "file:"

#: Errors of files that exist: they show that the source names a file, and is not the secret itself.
_THERE_IS_ONE = {errno.EACCES, errno.EISDIR, errno.EIO}


def read_secret(
    source: str, *, max_bytes: int = MAX_KEY_BYTES, environ: Mapping[str, str] | None = None
) -> bytes:
    """
    Read a secret: ``env:NAME`` is an environment variable, ``file:PATH`` or a path alone a file.
    One line break at its end, as editors and ``echo`` write it, is dropped.

    :param max_bytes: Maximum size of a file.
    :param environ: Environment variables; by default those of this process.
    :raises ValueError: If it cannot be read.  If the source may be the secret itself, the message
        does not repeat it.
    """
    if source.startswith(_VARIABLE):
        name = source.removeprefix(_VARIABLE)
        value = (os.environ if environ is None else environ).get(name)
        if not value:
            shown = f" {name}" if re.fullmatch("[A-Z_][A-Z0-9_]{0,99}", name) else ""
            raise ValueError(f"the environment variable{shown} is not set, or empty")
        return os.fsencode(value)
    path = source.removeprefix(_FILE)
    if not path:
        raise ValueError(
            "it is empty; it must say where the key is: env:NAME, file:PATH or the path of a file"
        )
    number, problem, content = _read(path, max_bytes + 1)
    # Raised here, and not in _read, so that a traceback does not show the source.
    if problem and (source.startswith(_FILE) or number in _THERE_IS_ONE):
        raise ValueError(f"the file cannot be read: {problem}")
    if problem:
        raise ValueError(
            "it must say where the key is: env:NAME, file:PATH or the path of a file (that file: "
            f"{problem}); the key itself would be visible in the list of processes"
        )
    if len(content) > max_bytes:
        raise ValueError(f"the file is larger than {max_bytes} bytes")
    if not content:
        raise ValueError("the file is empty")
    return content if is_pem(content) else re.sub(rb"\r?\n\Z", b"", content)


def _read(path: str, count: int) -> tuple[int | None, str, bytes]:
    """
    Return the error, if any, as a number and a text, and the beginning of a file.
    """
    try:
        with Path(path).open("rb") as file:
            return None, "", file.read(count)
    except OSError as problem:
        return problem.errno, problem.strerror or "it cannot be read", b""
    except ValueError:
        return None, "its name has a NUL", b""
