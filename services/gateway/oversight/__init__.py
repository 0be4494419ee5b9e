"""What people report, and what those who run the marketplace do about it: rules, and a trace of each act."""
