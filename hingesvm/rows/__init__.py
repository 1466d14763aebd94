"""Where the rows of X are, and all that may be asked of them; no scikit-learn."""
