"""`python -m antiphon_cli`: the same as `antiphon`."""

from antiphon_cli.main import main

main()
