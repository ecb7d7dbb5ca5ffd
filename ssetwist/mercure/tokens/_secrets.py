"""
Where keys are read from.  Never from the command line itself: everybody on the machine can read
that, in the list of processes.
"""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ._keys import MAX_KEY_BYTES, is_pem

_VARIABLE = "env:"
_FILE = "file:"

#: What goes wrong only where there is something of that name, so that it is no secret.
_THERE_IS_ONE = {errno.EACCES, errno.EISDIR, errno.EIO}


def read_secret(
    source: str, *, max_bytes: int = MAX_KEY_BYTES, environ: Mapping[str, str] | None = None
) -> bytes:
    """
    Read what an option points at: ``env:NAME`` is an environment variable, ``file:PATH`` or a mere
    path a file.  One line break at its end, as editors and ``echo`` make it, is not part of it.

    :param max_bytes: How many bytes it may have.
    :param environ: The environment variables, of this process unless told otherwise.
    :raises ValueError: If there is nothing there.  What it says never has what was given, if that
        may be the secret itself.
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
    # Raised here, and not where it went wrong, so that no traceback has what was given.
    if problem and (source.startswith(_FILE) or number in _THERE_IS_ONE):
        raise ValueError(f"the file cannot be read: {problem}")
    if problem:
        raise ValueError(
            "it must say where the key is: env:NAME, file:PATH or the path of a file (of that "
            f"name: {problem}); a key itself would be seen in the list of processes"
        )
    if len(content) > max_bytes:
        raise ValueError(f"the file is larger than {max_bytes} bytes")
    if not content:
        raise ValueError("the file is empty")
    return content if is_pem(content) else re.sub(rb"\r?\n\Z", b"", content)


def _read(path: str, count: int) -> tuple[int | None, str, bytes]:
    """
    Return what went wrong, if anything, as a number and a text, and the beginning of a file.
    """
    try:
        with Path(path).open("rb") as file:
            return None, "", file.read(count)
    except OSError as problem:
        return problem.errno, problem.strerror or "it cannot be read", b""
    except ValueError:
        return None, "there is a NUL in it", b""
