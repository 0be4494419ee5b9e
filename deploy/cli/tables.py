"""Tables for people."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table

from shared.topics import SERVICES, TOPICS, Topic, dead_letters_of


def kept(topic: Topic) -> str:
    if topic.compacted:
        return "compacted"
    return _duration(topic.kept) if topic.kept else "forever"


def _duration(time: timedelta) -> str:
    return f"{time.days} days" if time.days > 1 else f"{int(time.total_seconds() // 3600)} h"


def print_topics() -> None:
    table = Table("topic", "key", "said by", "heard by", "carries", "kept")
    for topic in TOPICS:
        table.add_row(
            topic.name,
            topic.key,
            "\n".join(topic.said_by),
            "\n".join(topic.heard_by) or "–",
            ", ".join(message.__name__ for message in topic.codec.messages),
            kept(topic),
        )
    for service in SERVICES:
        table.add_row(dead_letters_of(service), "original key", service, "–", "the original record", "forever")
    Console(width=None if Console().is_terminal else 200).print(table)


def flow_diagram() -> str:
    """The flow between the services as a Mermaid chart: one arrow per topic and pair of services."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for topic in TOPICS:
        for speaker in topic.said_by:
            for listener in dict.fromkeys(group.rstrip("*").partition(".")[0] for group in topic.heard_by):
                arrows.setdefault((speaker, listener), []).append(topic.name)
    lines = [f'    {speaker} -- "{"<br>".join(names)}" --> {listener}' for (speaker, listener), names in arrows.items()]
    return "\n".join(["flowchart LR", *lines])
