"""A simulator of micro-gestures: a seated person filmed by nobody, with the truth of every gesture.

`simulate` gives videos as the tables have them, one at a time; `write_dataset` writes them for the ordinary commands. What comes
out is simulated, and says so in every row.
"""

from benchmarks.simulator.corpus import MODEL, Corpus, SimulatedVideo, simulate, write_dataset

__all__ = ["MODEL", "Corpus", "SimulatedVideo", "simulate", "write_dataset"]
