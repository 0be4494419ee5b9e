"""Live updates: every replica hears `jobs.events` and tells those of its own listeners who may know.

`news` says what an event tells and to whom, `position` where in the log a page is, `seals` keeps that from whoever
holds it, `memory` has what a page that comes back has missed, `stream` is one page's connection, `hub` has all of them.
"""
