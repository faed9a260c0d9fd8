"""The asyncio shell: what was seen, what is to be looked at again, and the carrying out of what was decided."""
