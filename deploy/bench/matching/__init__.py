"""How fast and how large matching is with a hundred thousand partners: `python -m deploy.bench.matching`.

`market` makes the partners, what is known of them, and the requests. `speed` holds a selection against the bare matrix
product, `database` against the same question put to MongoDB, `updates` has partners change meanwhile, `memory` weighs
the index, and `live` does it through real topics.
"""

import os

# Read when numpy is first imported. One thread, as in the service: its loop is one thread, and several threads for a
# product of a millisecond would make the bare side slower or faster by what else the machine does.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
