"""Remedies: one file each; an edit of a live run, its words, and where it is simple its patch."""
