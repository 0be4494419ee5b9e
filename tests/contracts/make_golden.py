"""Writes the golden files of types that have none: `python -m tests.contracts.make_golden`.

A file that exists is yesterday's record and stays. To replace one on purpose (its type was never published), name it:
`python -m tests.contracts.make_golden jobs.events/JobOpened`.
"""

import sys

from tests.contracts.golden import golden_file, readable, types


def main(named: list[str]) -> int:
    """The number of names that are no type's."""
    unknown = set(named)
    for topic, message in types():
        path, name = golden_file(topic, message), f"{topic.name}/{message.__name__}"
        if path.exists() and name not in named:
            continue
        unknown.discard(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(readable(topic, message), encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")
    for name in sorted(unknown):
        sys.stderr.write(f"There is no type {name}.\n")
    return len(unknown)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
