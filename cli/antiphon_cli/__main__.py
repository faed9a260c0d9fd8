"""`python -m antiphon_cli`: the same as `antiphon`."""

from antiphon_cli.main import main

# The name it has as a command too: usage texts and completion go by it.
main(prog_name="antiphon")
