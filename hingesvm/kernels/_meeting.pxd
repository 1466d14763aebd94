"""Where threads meet: the locks and atomic operations of systems, under one name."""

from libc.stdint cimport int64_t

cdef extern from * nogil:
    """
    #if defined(_WIN32)
    #ifndef NOMINMAX
    #define NOMINMAX
    #endif
    #include <windows.h>
    typedef struct { SRWLOCK lock; CONDITION_VARIABLE bell; } hingesvm_gate;
    #define hingesvm_make(g) \\
        (InitializeSRWLock(&(g)->lock), InitializeConditionVariable(&(g)->bell), 0)
    #define hingesvm_remove(g) ((void)(g))
    #define hingesvm_lock(g) AcquireSRWLockExclusive(&(g)->lock)
    #define hingesvm_unlock(g) ReleaseSRWLockExclusive(&(g)->lock)
    #define hingesvm_wait(g) \\
        ((void)SleepConditionVariableSRW(&(g)->bell, &(g)->lock, INFINITE, 0))
    #define hingesvm_ring(g) WakeAllConditionVariable(&(g)->bell)
    #else
    #include <pthread.h>
    typedef struct { pthread_mutex_t lock; pthread_cond_t bell; } hingesvm_gate;
    #define hingesvm_make(g) \\
        (pthread_mutex_init(&(g)->lock, NULL) || pthread_cond_init(&(g)->bell, NULL))
    #define hingesvm_remove(g) \\
        (pthread_cond_destroy(&(g)->bell), (void)pthread_mutex_destroy(&(g)->lock))
    #define hingesvm_lock(g) ((void)pthread_mutex_lock(&(g)->lock))
    #define hingesvm_unlock(g) ((void)pthread_mutex_unlock(&(g)->lock))
    #define hingesvm_wait(g) ((void)pthread_cond_wait(&(g)->bell, &(g)->lock))
    #define hingesvm_ring(g) ((void)pthread_cond_broadcast(&(g)->bell))
    #endif

    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    #define hingesvm_add_one(p) (_InterlockedIncrement64((volatile long long*)(p)))
    #define hingesvm_load(p) \\
        (_InterlockedCompareExchange64((volatile long long*)(p), 0, 0))
    #define hingesvm_store(p, value) \\
        ((void)_InterlockedExchange64((volatile long long*)(p), value))
    #define hingesvm_pause() YieldProcessor()
    #else
    #define hingesvm_add_one(p) __atomic_add_fetch(p, 1, __ATOMIC_ACQ_REL)
    #define hingesvm_load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
    #define hingesvm_store(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)
    #if defined(__x86_64__) || defined(__i386__)
    #define hingesvm_pause() __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define hingesvm_pause() __asm__ __volatile__("yield")
    #else
    #define hingesvm_pause() ((void)0)
    #endif
    #endif
    """
    ctypedef struct Gate "hingesvm_gate":
        pass
    int make "hingesvm_make"(Gate* gate)
    void remove "hingesvm_remove"(Gate* gate)
    void lock "hingesvm_lock"(Gate* gate)
    void unlock "hingesvm_unlock"(Gate* gate)
    void wait "hingesvm_wait"(Gate* gate)
    void ring "hingesvm_ring"(Gate* gate)
    int64_t add_one "hingesvm_add_one"(int64_t* place)
    int64_t load "hingesvm_load"(int64_t* place)
    void store "hingesvm_store"(int64_t* place, int64_t value)
    void pause "hingesvm_pause"()


cdef class Meeting:
    cdef Gate gate
    cdef bint is_made
    cdef int64_t arrived, cancelled

    cdef bint meet(self, int64_t everyone) noexcept nogil
