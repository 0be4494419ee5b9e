"""The public side: forms, and the request from its submission to the confirmed address.

hears: `requests.commands` (its door) · `partners` (directory) · `replies` (answers to what it asked)
says: `requests` · `requests.commands` (forms) · `replies`
owns: the request aggregate
"""
