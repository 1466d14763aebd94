"""Training: makes problems from parameters and data, solves and reports on them."""
