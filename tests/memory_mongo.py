"""The part of MongoDB that Jobwire uses, in memory: PyMongo's asynchronous surface over dictionaries.

Documents go through real BSON on their way in, so types come back as from a server. Queries are matched by mongomock;
updates and the few aggregation operators are written here, and an unknown one is an error. `test_store_conformance.py`
runs the same checks over this and over real servers.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import bson
from bson.int64 import Int64
from mongomock.filtering import filter_applies
from pymongo import DeleteMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from shared.clock import SystemClock
from shared.mongo import CODEC, Document

Now = Callable[[], datetime]


def _through_bson(document: Mapping[str, Any]) -> Document:
    return bson.decode(bson.encode(document, codec_options=CODEC), CODEC)


class MemoryDatabase:
    """A database; collections come into being by being named. `now` is the server's clock (`$$NOW`)."""

    def __init__(self, now: Now | None = None) -> None:
        self._now = now or SystemClock().now
        self.collections: dict[str, MemoryCollection] = {}

    def __getitem__(self, name: str) -> "MemoryCollection":
        return self.collections.setdefault(name, MemoryCollection(self._now))


class MemoryCursor:
    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    def sort(self, key: str | Sequence[tuple[str, int]], direction: int = 1) -> "MemoryCursor":
        for name, way in reversed([(key, direction)] if isinstance(key, str) else list(key)):
            self._documents.sort(key=lambda document: _order(_get(document, name)), reverse=way < 0)
        return self

    def hint(self, _index: str) -> "MemoryCursor":
        return self

    def skip(self, count: int) -> "MemoryCursor":
        self._documents = self._documents[count:]
        return self

    def limit(self, count: int) -> "MemoryCursor":
        self._documents = self._documents[:count]
        return self

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in self._documents:
            yield document


class MemoryCollection:
    def __init__(self, now: Now) -> None:
        self._now = now
        self.documents: dict[Any, Document] = {}

    async def create_index(self, *_: Any, **__: Any) -> None:
        """Indexes make queries fast; here they are few documents."""

    def find(
        self, query: Document | None = None, _fields: Document | None = None, *, collation: Any = None
    ) -> MemoryCursor:
        """`collation`: only the one that ignores case."""
        return MemoryCursor([_through_bson(one) for one in self._matching(query or {}, fold=collation is not None)])

    async def find_one(self, query: Document, _fields: Document | None = None) -> Document | None:
        return next(iter(self.find(query)._documents), None)

    async def aggregate(self, pipeline: list[Document]) -> MemoryCursor:
        """`$match`, then `$group` with `$sum`."""
        match, group = pipeline
        fields = dict(group["$group"])
        key, sums = fields.pop("_id"), [(name, rule["$sum"]) for name, rule in fields.items()]
        groups: dict[Any, Document] = {}
        for document in self._matching(match["$match"]):
            id_ = {name: _get(document, path[1:]) for name, path in key.items()}
            found = groups.setdefault(tuple(id_.values()), {"_id": id_, **{name: 0 for name, _ in sums}})
            for name, expression in sums:
                found[name] += _value(expression, document, self._now())
        return MemoryCursor([_through_bson(found) for found in groups.values()])

    async def distinct(self, field: str, query: Document) -> list[Any]:
        """Of a list its members, as on a server."""
        values = [_get(document, field) for document in self._matching(query)]
        members = [member for value in values for member in (value if isinstance(value, list) else [value])]
        return list(dict.fromkeys(member for member in members if member is not _MISSING))

    async def count_documents(self, query: Document) -> int:
        return len(self._matching(query))

    async def insert_one(self, document: Document) -> None:
        if document["_id"] in self.documents:
            raise DuplicateKeyError("E11000 duplicate key error", 11000)
        self.documents[document["_id"]] = _through_bson(document)

    async def delete_one(self, query: Document) -> None:
        for document in self._matching(query)[:1]:
            del self.documents[document["_id"]]

    async def delete_many(self, query: Document) -> None:
        for document in self._matching(query):
            del self.documents[document["_id"]]

    async def update_one(self, query: Document, update: Any, *, upsert: bool = False) -> SimpleNamespace:
        return self._update(query, update, self._matching(query)[:1], upsert=upsert)

    async def update_many(self, query: Document, update: Any) -> SimpleNamespace:
        return self._update(query, update, self._matching(query), upsert=False)

    async def find_one_and_update(
        self, query: Document, update: Any, *, sort: Any = None, upsert: bool = False, return_document: bool = False
    ) -> Document | None:
        assert return_document, "Only the document after the update is asked for."
        cursor = MemoryCursor(self._matching(query))
        found = (cursor.sort(sort) if sort else cursor)._documents[:1]
        result = self._update(query, update, found, upsert=upsert)
        changed = result.upserted_id if result.upserted_id is not None else found[0]["_id"] if found else None
        return _through_bson(self.documents[changed]) if changed is not None else None

    async def bulk_write(
        self, operations: Sequence[UpdateOne | DeleteMany], *, ordered: bool = True
    ) -> SimpleNamespace:
        """Unordered: what fails does not keep the rest from being written."""
        assert not ordered
        assert operations, "PyMongo refuses an empty bulk."
        matched, upserted, errors = 0, {}, []
        for index, operation in enumerate(operations):
            query = operation._filter
            if isinstance(operation, DeleteMany):
                await self.delete_many(query)
                continue
            try:
                result = self._update(query, operation._doc, self._matching(query)[:1], upsert=bool(operation._upsert))
            except WriteError as error:  # a duplicate key is one
                errors.append({"index": index, "code": error.code, "errmsg": str(error)})
                continue
            matched += result.matched_count
            if result.upserted_id is not None:
                upserted[index] = result.upserted_id
        if errors:
            raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})
        return SimpleNamespace(matched_count=matched, upserted_ids=upserted)

    def _matching(self, query: Document, *, fold: bool = False) -> list[Document]:
        now, folded = self._now(), _folded if fold else _as_it_is
        query = folded(_through_bson(query))
        return [document for document in self.documents.values() if _applies(query, folded(document), now)]

    def _update(self, query: Document, update: Any, found: list[Document], *, upsert: bool) -> SimpleNamespace:
        modified = 0
        for document in found:
            after = _through_bson(self._after(document, update, inserting=False))
            modified += after != document
            self.documents[document["_id"]] = after
        if found or not upsert:
            return SimpleNamespace(matched_count=len(found), modified_count=modified, upserted_id=None)
        fresh = {
            name: value for name, value in query.items() if not name.startswith("$") and not isinstance(value, dict)
        }
        if fresh["_id"] in self.documents:
            raise DuplicateKeyError("E11000 duplicate key error", 11000)
        self.documents[fresh["_id"]] = _through_bson(self._after(fresh, update, inserting=True))
        return SimpleNamespace(matched_count=0, modified_count=0, upserted_id=fresh["_id"])

    def _after(self, document: Document, update: Any, *, inserting: bool) -> Document:
        after = dict(document)
        if isinstance(update, list):  # a pipeline: each stage sees the document as the one before left it
            for stage in update:
                (fields,) = (fields for name, fields in stage.items() if name == "$set")
                values = {name: _value(expression, after, self._now()) for name, expression in fields.items()}
                for name, value in values.items():
                    if value is not _MISSING:
                        _put(after, name, value)
            return after
        for operator, fields in update.items():
            for name, value in fields.items():
                if operator != "$setOnInsert" or inserting:
                    _change(after, operator, name, value)
        return after


def _as_it_is(value: Any) -> Any:
    return value


def _folded(value: Any) -> Any:
    """All texts in lower case; the names of fields stay."""
    if isinstance(value, dict):
        return {name: _folded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_folded(part) for part in value]
    return value.lower() if isinstance(value, str) else value


_MISSING = object()


def _get(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name, _MISSING) if isinstance(document, dict) else _MISSING
    return document


def _put(document: Document, path: str, value: Any) -> None:
    """Set a field, also one inside another; what is not there yet is made, as on a server. The one that is there is
    copied first: the document before the update stays as it was.
    """
    name, _, rest = path.partition(".")
    if not rest:
        document[name] = value
        return
    inside = document.get(name, {})
    if not isinstance(inside, dict):
        raise WriteError(f"Cannot create field {rest!r} in element {{{name}: {inside!r}}}", 28)
    document[name] = dict(inside)
    _put(document[name], rest, value)


def _change(after: Document, operator: str, name: str, value: Any) -> None:
    match operator:
        case "$set" | "$setOnInsert":
            _put(after, name, value)
        case "$unset":
            _remove(after, name)
        case "$inc":
            after[name] = after.get(name, 0) + value
        case "$push" if value.get("$position") == 0:
            after[name] = [*value["$each"], *after.get(name, [])][: value["$slice"]]
        case "$push":
            after[name] = [*after.get(name, []), *value["$each"]][value.get("$slice", 0) :]
        case _:
            raise NotImplementedError(operator)


def _remove(document: Document, path: str) -> None:
    name, _, rest = path.partition(".")
    if rest and isinstance(document.get(name), dict):
        document[name] = dict(document[name])
        _remove(document[name], rest)
    elif not rest:
        document.pop(name, None)


def _applies(query: Document, document: Document, now: datetime) -> bool:
    for name, wanted in query.items():
        match name:
            case "$and":
                applies = all(_applies(part, document, now) for part in wanted)
            case "$or":
                applies = any(_applies(part, document, now) for part in wanted)
            case "$expr":
                applies = _value(wanted, document, now)
            case _ if wanted == {"$type": "int"}:  # 32 bits, which mongomock does not tell from 64
                value = _get(document, name)
                applies = isinstance(value, int) and not isinstance(value, Int64 | bool)
            case _:
                applies = filter_applies({name: wanted}, document)
        if not applies:
            return False
    return True


def _order(value: Any) -> tuple[int, Any]:
    """Missing values come first, as on a server; a UUID is ordered by its bytes."""
    if value is _MISSING or value is None:
        return (0, 0)
    return (1, value.bytes if isinstance(value, UUID) else value)


def _value(expression: Any, document: Document, now: datetime) -> Any:  # noqa: C901, PLR0911, PLR0912 - one for each operator
    """An aggregation expression's value. Only the operators that Jobwire uses."""
    if isinstance(expression, str) and expression.startswith("$"):
        return now if expression == "$$NOW" else _get(document, expression[1:])
    if not isinstance(expression, dict):
        return expression
    ((operator, given),) = expression.items()
    if operator == "$literal":
        return given
    values = [_value(part, document, now) for part in given]
    match operator, values:
        case "$cond", [condition, yes, no]:
            return yes if condition else no
        case "$ifNull", [value, other]:
            return other if value is _MISSING or value is None else value
        case "$or", _:
            return any(values)
        case "$setDifference", [left, right]:
            return [value for value in dict.fromkeys(left) if value not in right]
        case "$concatArrays", _:
            return [value for part in values for value in part]
        case "$slice", [array, count]:
            return array[:count]
        case "$eq", [left, right]:
            return left == right
        case "$gt", [left, right]:
            return left > right
        case "$gte", [left, right]:
            return left >= right
        case "$subtract", [left, right]:
            return left - right
        case "$lt", [left, right]:
            return _order(left) < _order(right)
        case "$add", [time, milliseconds] if isinstance(time, datetime):
            return time + timedelta(milliseconds=milliseconds)
    raise NotImplementedError(operator)
