"""The box [0, u] that a dual variable lies in, and the loss of which u is the slope.

A loss is max over 0 <= a <= u of a s - q a^2 / 2 at the shortfall s = 1 - m, with the bound
u and the curvature q.
"""

ctypedef fused number_t:
    float
    double


cdef inline number_t clip(number_t value, number_t bound) noexcept nogil:
    """Return the point of [0, bound] next to a value."""
    value = value if value > 0 else 0
    return value if value < bound else bound


cdef inline number_t outward(
    number_t alpha, number_t bound, number_t gradient
) noexcept nogil:
    """Return how far the gradient of a dual variable points out of its box.

    Minus the size of the gradient, its violation of optimality, if the variable is inside
    its box or should move there. The bound is positive.
    """
    cdef number_t far = -gradient if gradient > 0 else gradient
    far = gradient if alpha >= bound else far
    return -gradient if alpha <= 0 else far


cdef inline double curved_loss(
    double shortfall, double bound, double curvature
) noexcept nogil:
    """Return the loss where the curvature is positive."""
    cdef double slope = clip(shortfall / curvature, bound)
    return slope * (shortfall - 0.5 * curvature * slope)


cdef inline double kinked_loss(double shortfall, double bound) noexcept nogil:
    """Return the loss where the curvature is 0."""
    return bound * (shortfall if shortfall > 0.0 else 0.0)
