"""What users start: the command line, notebooks, `make reproduce`, the cost planner. No other package imports it."""
