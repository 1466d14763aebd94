"""Streams: one pass, a bounded number of rows in memory, and a lower bound."""
