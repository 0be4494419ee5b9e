"""Mails. A mail is a document first, and sent by a worker of its own, so that a slow server never blocks a partition.

hears: `requests` · `matches` · `jobs.events` · `leads.events` · `sign-ins` · `partners` (who gets what, in which
       language; invitations) · `mail-choices` (who does not want what) ·
       `suspensions` (who is sent nothing)
says: `mails`
owns: the mail documents; the addresses that the mail server has refused
"""
