"""Rewards that are rules: each takes its argument and gives a function of (answer, cut at its limit)."""
