"""The built-in suites, a file or a folder each."""
