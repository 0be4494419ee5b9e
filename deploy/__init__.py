"""How Jobwire is run: on one machine, in containers, on a cluster."""
