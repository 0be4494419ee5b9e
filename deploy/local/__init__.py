"""A real Kafka, a real MongoDB, a mail catcher and a stand-in for the store platform on one machine, without Docker.

`stack.py` starts them together; each of `kafka.py`, `mongodb.py`, `mailcatcher.py` and `platform.py` works alone.
"""
