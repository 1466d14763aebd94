"""Newton steps: full-batch steps with a second-order finish, on all rows or bands."""
