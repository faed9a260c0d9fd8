"""Names that several parts must agree on: data, no behaviour, stdlib only; every part may import it.

`errors` holds the codes and texts of everything a person or a program can meet, `settings` the names and
defaults of the sidecar's settings, `hashing` the slot and partition arithmetic that stored rows rely on.
"""
