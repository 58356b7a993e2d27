"""How fast things are: scripts that measure, and the figures they gave."""
