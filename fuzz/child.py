"""The process in which libFuzzer runs: it ends its process itself, with a crash or without.

`python -m fuzz.child TARGET [libFuzzer's options] FOLDER…`
"""

from __future__ import annotations

import resource
import sys

import atheris

_MEMORY_BYTES = 2 * 1024**3

# What is counted as covered; the rest is only slowed down by it.
_INSTRUMENTED = {
    "payload": ["remediator.alerts", "json"],
    "matcher": ["remediator.policy.matchers"],
    "duration": ["remediator.durations"],
    "expression": ["remediator.policy", "jinja2"],
    "policy": ["remediator.policy", "remediator.yaml_source", "remediator.durations"],
}


def main(argv: list[str]) -> None:
    """Fuzz one target until libFuzzer's options say that it is enough, or until it fails."""
    name, *options = argv
    # What takes more is a finding: Python says so by a MemoryError.
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    with atheris.instrument_imports(include=_INSTRUMENTED[name], enable_loader_override=False):
        from fuzz.oracles import ORACLES  # noqa: PLC0415  (imports are what gets instrumented)
    atheris.Setup([sys.argv[0], *options], ORACLES[name], enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
