"""Rows of an array on a device: bands of rows and Newton steps in its own library."""
