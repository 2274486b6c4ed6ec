"""A model looked at without any training: a few passes, and everything as it was before."""
