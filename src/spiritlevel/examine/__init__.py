"""Look at a written constitution by what it does: faults of behaviour, what a change of words changes, and proposals from preferences."""
