"""`python -m spiritlevel`."""

from spiritlevel.cli import main

main()
