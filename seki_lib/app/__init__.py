"""Faces over what is below: the command line, notebooks, `make reproduce`, the cost planner. Nothing imports them."""
