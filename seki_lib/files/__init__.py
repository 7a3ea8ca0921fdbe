"""Files: what is written so that it survives a kill, locks, errors, assets from outside, hashes of code. Knows no search."""
