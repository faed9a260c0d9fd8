"""kopf glue only: watching, and handing on what was seen. Nothing is decided here."""
