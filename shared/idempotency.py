"""What a client sent under an `Idempotency-Key`, so that the same key with something else can be told."""

import json
from hashlib import sha256

from fastapi import Request

KEY_HEADER = "Send it again with the same key, and it is done once. The same key with something else: 422 `key_reused`."
"""For the API's document."""


async def digest_of(request: Request) -> str:
    """A digest of address, condition and body; the same for whoever sends the same again, in whatever order a client's
    library writes the fields this time. The body is read: not for uploads.
    """
    # Not `request.url`, which is made of what the sender calls us, too.
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    said = json.dumps([path, query, request.headers.get("if-match", ""), _canonical(await request.body())])
    return sha256(said.encode()).hexdigest()


def _canonical(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):  # none, or no JSON
        return body.decode("latin-1")
