"""A real Kafka, a real MongoDB and a mail catcher on one machine, without Docker.

`stack.py` starts them together; each of `kafka.py`, `mongodb.py` and `mailcatcher.py` works alone.
"""
