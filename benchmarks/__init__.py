"""Scores for a release: one file per task, and what a release of its size can't say."""
