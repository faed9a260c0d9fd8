"""The `antiphon` command: hosts for one machine, and a person's view of instances and apps."""
