"""Proposals for gestures, their correction in Label Studio, agreement between annotators, and consensus."""
