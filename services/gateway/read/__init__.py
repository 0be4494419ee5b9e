"""The read models: built only from topics (`models.py`), asked with the tenant in each query."""
