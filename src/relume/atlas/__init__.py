"""The textbook that runs: lessons whose figures this package computes, and a reader can move."""
