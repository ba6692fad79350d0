"""People and models that rate: their labels, what they agree on and where they bend."""
