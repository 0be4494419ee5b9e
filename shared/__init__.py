"""What every service stands on: the flow, the contracts, the loop that changes state, and the edges of a process."""
