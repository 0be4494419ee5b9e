"""Structured logs: the event is a constant, the data are fields. What belongs to one story has
its correlation id among the fields.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict

_SECRETS = re.compile(r"(?i)(token|password|secret|authorization|cookie)")
_CREDENTIALS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def configure(service: str, level: str = "INFO", log_format: str = "json") -> None:
    """Send structlog's and the standard library's logs (uvicorn, FastStream, aiokafka) through one formatter to
    stdout.
    """
    shared: list[Any] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_secrets,
    ]
    renderer = (
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
        if log_format == "console"
        else structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    # A request line can hold a signed link; what happened is logged by the handlers, without it.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Blank every field whose name speaks of a secret, and the password inside any URL."""
    for key, value in event.items():
        if _SECRETS.search(key):
            event[key] = "***"
        elif isinstance(value, str) and "://" in value:
            event[key] = _CREDENTIALS.sub(r"\1***@", value)
    return event


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


__all__ = ["bound_contextvars", "configure", "get_logger", "without_secrets"]
