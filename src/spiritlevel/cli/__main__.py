"""`python -m spiritlevel.cli`."""

from spiritlevel.cli import main

main()
