"""
Print each runtime dependency that has a floor in setup.cfg, pinned to that floor.
"""

from importlib.metadata import requires

from packaging.requirements import Requirement

for requirement in map(Requirement, requires("ssetwist") or []):
    if requirement.marker is None:  # else it belongs to an extra
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                extras = ",".join(sorted(requirement.extras))
                print(f"{requirement.name}[{extras}] == {specifier.version}".replace("[]", ""))
