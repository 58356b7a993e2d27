"""Pose sequences in, representations of gestures out."""
