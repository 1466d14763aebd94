# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""The proximal step of an absolute value: soft thresholding."""

ctypedef fused real_t:
    float
    double


cdef inline real_t soft(real_t value, real_t threshold) noexcept nogil:
    """Return a value moved towards 0 by a threshold, and no further than to 0."""
    if value > threshold:
        return value - threshold
    if value < -threshold:
        return value + threshold
    return 0
