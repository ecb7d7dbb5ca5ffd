"""
Print the README's command that stands under the comment line ``.. NAME:``.

CI runs what the README tells people to type, so that the two can't drift apart.
"""

import re
import sys
from pathlib import Path

name = sys.argv[1]
readme = Path(__file__).parents[1] / "README.rst"
found = re.search(
    rf"^\.\. {name}:\s*\n\.\. code-block:: shell\s*\n((?: +\S.*\n)+)",
    readme.read_text(encoding="utf-8"),
    re.MULTILINE,
)
if found is None:
    sys.exit(f'FAIL: README.rst has no ".. code-block:: shell" under a comment line ".. {name}:".')
command = found[1].strip()
if "\n" in command:
    sys.exit(f'FAIL: the command under ".. {name}:" in README.rst is not one line.')
print(command)
