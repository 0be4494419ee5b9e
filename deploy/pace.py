"""How fast this machine is at the moment, for what has to give people (or a script in their place) time."""

import json
from time import perf_counter

_ROUNDS = 4_500
_QUIET_SECONDS = 0.15
"""What `_ROUNDS` take on a machine of 2026 with a core to spare."""
_RECORD = {"id": "5f0c", "type": "JobReplied", "data": {"text": "お茶 and thread. " * 40, "numbers": list(range(40))}}


def slowness(at_most: float = 8.0) -> float:
    """How many times longer than on a quiet machine a fixed piece of work takes here and now; at least 1. Counted by
    the wall clock, so that whatever else runs here counts too.
    """
    began = perf_counter()
    for _ in range(_ROUNDS):
        json.loads(json.dumps(_RECORD))
    return min(max((perf_counter() - began) / _QUIET_SECONDS, 1.0), at_most)
