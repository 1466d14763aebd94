"""Where threads meet: the atomic operations that C compilers have, under one name."""

from libc.stdint cimport int64_t

cdef extern from * nogil:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    #include <windows.h>
    #define hingesvm_add_one(p) (_InterlockedIncrement64((volatile long long*)(p)))
    #define hingesvm_load(p) \\
        (_InterlockedCompareExchange64((volatile long long*)(p), 0, 0))
    #define hingesvm_yield() ((void)SwitchToThread())
    #define hingesvm_pause() YieldProcessor()
    #else
    #if defined(_WIN32)
    #include <windows.h>
    #define hingesvm_yield() ((void)SwitchToThread())
    #else
    #include <sched.h>
    #define hingesvm_yield() ((void)sched_yield())
    #endif
    #define hingesvm_add_one(p) __atomic_add_fetch(p, 1, __ATOMIC_ACQ_REL)
    #define hingesvm_load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
    #if defined(__x86_64__) || defined(__i386__)
    #define hingesvm_pause() __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define hingesvm_pause() __asm__ __volatile__("yield")
    #else
    #define hingesvm_pause() ((void)0)
    #endif
    #endif
    """
    int64_t add_one "hingesvm_add_one"(int64_t* place)
    int64_t load "hingesvm_load"(int64_t* place)
    void pause "hingesvm_pause"()
    void yield_core "hingesvm_yield"()


cdef enum:
    # Looks at the others before the core is offered to them: some microseconds.
    PATIENCE = 2000


cdef inline bint meet(
    int64_t* arrived, int64_t* cancelled, int64_t everyone
) noexcept nogil:
    """Wait until `everyone`, the count of all arrivals so far, is reached.

    What a thread wrote before is then seen by all. False if one of them will not come.
    """
    cdef Py_ssize_t looks = 0
    add_one(arrived)
    while load(arrived) < everyone:
        if load(cancelled):
            return False
        looks += 1
        if looks < PATIENCE:
            pause()
        else:
            yield_core()
    return True
