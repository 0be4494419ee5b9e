"""The records that cross the borders between services: frozen models, one module per publisher.

Golden JSON for each type stands in `tests/contracts/golden/`; a change that yesterday's records would not survive
fails there.
"""
