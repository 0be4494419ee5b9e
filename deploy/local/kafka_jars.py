"""The jar files of Kafka: downloaded once into the user's cache and checked against `kafka-jars.lock`.

Jars are pinned by hash instead of being resolved on each machine: resolving costs ten seconds of
CPU, and jgo 3.2 only logs a checksum that does not match and keeps a download that broke off.
"""

import fcntl
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import truststore

from deploy.local.parts import PartUnavailable, cache_dir

KAFKA_VERSION = "4.1.1"
# Without an slf4j binding Kafka says nothing at all, not even why it dies. slf4j-simple is 15 KB
# and needs no configuration file.
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
_LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
_DOWNLOADS_AT_ONCE = 8
_ELSEWHERE = "set KAFKA_BOOTSTRAP_SERVERS to use a Kafka that already runs."


def class_path(say: Callable[[str], None]) -> str:
    """The class path of Kafka, downloading what is missing; blocks, so call it in a thread.

    A second call needs no network. `say` hears the progress; an OSError from it calls the download
    off. Raises PartUnavailable if a jar cannot be had.
    """
    cache = cache_dir() / f"kafka-{KAFKA_VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        # Two programs that start for the first time together must not write the same files.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return ":".join(_remembered(cache) or _download(cache, say))


def _remembered(cache: Path) -> list[str] | None:
    """What an earlier call downloaded and checked, if it was for this lock file and is all there."""
    try:
        found = json.loads((cache / "class-path.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    if found["lock"] != _sha256(_LOCK_FILE) or not all(Path(jar).exists() for jar in found["jars"]):
        return None
    return [str(jar) for jar in found["jars"]]


def _download(cache: Path, say: Callable[[str], None]) -> list[str]:
    pins = _pins()
    # The machine's own certificates, as its pip and its browser use them: some networks have one of their own.
    truststore.inject_into_ssl()
    maven = _maven(cache / "jars")
    say(f"downloading Kafka {KAFKA_VERSION} ({len(pins)} files, 45 MB, once)")
    jars: list[str] = []
    pool = ThreadPoolExecutor(_DOWNLOADS_AT_ONCE)
    try:
        for jar in pool.map(lambda pin: _fetch(maven, *pin), pins):
            jars.append(str(jar))
            say(f"downloading Kafka {KAFKA_VERSION} ({len(jars)} of {len(pins)} files)")
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors, jgo's RuntimeErrors.
        raise PartUnavailable(
            "Kafka",
            f"Its jar files could not be downloaded ({_short(error)}).",
            f"Try again with a network that reaches the Maven repository, or {_ELSEWHERE}",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
    remembered = {"lock": _sha256(_LOCK_FILE), "jars": jars}
    (cache / "class-path.json").write_text(json.dumps(remembered, indent=1))
    return jars


def _maven(jars: Path) -> Any:
    """Imported only here: whoever has a Kafka elsewhere, or all jars, needs no jgo."""
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415
    except ImportError:
        why = "The Python package jgo, which downloads its jar files, is not installed."
        raise PartUnavailable("Kafka", why, f"Install jobwire[local], or {_ELSEWHERE}") from None
    return MavenContext(repo_cache=jars, timeout=60)


def _fetch(maven: Any, coordinate: str, sha256: str) -> Path:
    """One jar; a file of an earlier download that broke off is thrown away and fetched again."""
    group, name, version = coordinate.split(":")
    artifact = maven.project(group, name).at_version(version).artifact()
    cached = artifact.cached_path
    if cached is not None and cached.exists() and _sha256(cached) != sha256:
        cached.unlink()
    jar: Path = artifact.resolve()
    if _sha256(jar) != sha256:
        jar.unlink()
        raise RuntimeError(f"{jar.name} arrived damaged")
    return jar


def _pins() -> list[tuple[str, str]]:
    lines = _LOCK_FILE.read_text().splitlines()
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    return [(coordinate, sha256) for coordinate, sha256 in pairs]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _short(error: Exception) -> str:
    """The network's errors hold a page of nested text; their names say enough."""
    return type(error).__name__ if isinstance(error, OSError) else str(error)


def _write_lock() -> None:
    """Resolves Kafka's dependencies anew; run after changing a version above."""
    import jgo  # noqa: PLC0415  # as in _maven

    header = _LOCK_FILE.read_text().splitlines()[0]
    pins = sorted(
        f"{jar.groupId}:{jar.artifactId}:{jar.version} {_sha256(jar.resolve())}" for jar in jgo.resolve(_ENDPOINT)
    )
    _LOCK_FILE.write_text("\n".join([header, *pins, ""]))


if __name__ == "__main__":
    _write_lock()
