"""`python -m tieline` does what the `tieline` command does."""

from tieline.cli import main

main()
