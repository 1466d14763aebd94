"""Which problem: its values, its dual variables, and the certificate of both.

``binary`` is the specification: the objective, the dual function and the gap. Nothing
here knows of methods or of scikit-learn.
"""
