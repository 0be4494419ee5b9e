"""Whose a store is: shown by a file, a tag or a record on it, looked up without reaching anything private."""
