"""Sampling: which windows of a corpus are worth an epoch of pre-training, when most of it is nobody doing anything."""
