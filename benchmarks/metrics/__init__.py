"""Metrics: plain functions of arrays, one file a kind of question. None knows of releases, methods or tasks."""
