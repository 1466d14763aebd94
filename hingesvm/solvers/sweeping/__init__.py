"""Sweeps: a subgradient step with exact line search at one row after the other."""
