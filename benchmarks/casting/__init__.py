"""Is it the player? The choice of the player measured on edited interviews whose truth is known."""
