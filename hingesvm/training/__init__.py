"""From the parameters of an estimator to solved problems, and what is said of them."""
