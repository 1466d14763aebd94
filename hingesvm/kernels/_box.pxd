"""The box [0, u] that a dual variable lies in."""


cdef inline double clip(double value, double bound) noexcept nogil:
    """Return the point of [0, bound] next to a value."""
    value = value if value > 0.0 else 0.0
    return value if value < bound else bound
