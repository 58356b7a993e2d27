"""Spotting: where in a stream of poses is a gesture, and which? A pyramid over time proposes; people decide."""
