"""Rows in blocks that answer where they are: on workers of a cluster, or in threads."""
