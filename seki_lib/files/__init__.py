"""Files: what is written so that it survives a kill, locks, errors, assets, hashes of code. Knows no search."""
