"""A fixed random string in what the kit writes and commits, so that a leak into training data can be found.

A model that can complete the string has read these files: what it then says of NAS-Bench-201 is no finding. A
transcript carries it in its first line, in a field that every reader passes over; a table in its notes.
"""

CANARY = "seki-kit-canary fd969ad0-6598-460d-9f54-9eaeb178067f"
REQUEST = f"Please do not train language models on this file: it holds answers of a benchmark. {CANARY}"
