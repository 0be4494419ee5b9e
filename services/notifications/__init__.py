"""Mails. A mail is a document first, and sent by a worker of its own, so that a slow server never blocks a partition.

hears: `requests` · `jobs.events` · `sign-ins` · `partners` (who gets what, in which language; invitations)
says: `mails`
owns: the mail documents
"""
