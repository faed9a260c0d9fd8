"""PURE: what apps declare and offer, what workflows call, and whether the two fit together."""
