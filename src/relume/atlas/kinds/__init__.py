"""One file per kind of figure: what it shows, what can be moved, and the numbers it reads off.

Each number is computed here with torch, from the acts; the page computes it again in the browser
whenever something is moved, and the tests hold one against the other.
"""
