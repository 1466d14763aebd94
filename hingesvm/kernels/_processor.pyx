"""What the processor can do."""

cdef extern from *:
    """
    #ifdef HINGESVM_AVX2
    #define hingesvm_has_avx2() (__builtin_cpu_init(), __builtin_cpu_supports("avx2"))
    #else
    #define hingesvm_has_avx2() 0
    #endif
    """
    bint processor_has_avx2 "hingesvm_has_avx2"()


def has_avx2():
    """Return whether kernels for AVX2 were built and can be run."""
    return processor_has_avx2()
