"""Stories of abuse against a running Jobwire: `python -m tests.security.stories`.

Each story is one sentence, an attack, and what may come of it. While it runs, honest people sign in and work; their
times are printed beside those of a quiet minute before it, with the requests by status, the mails that reached
strangers, and the processor time of each service.
"""
