# cython: language_level=3
"""Threads that wait for each other within a kernel."""

from libc.stdint cimport int64_t

from ._meeting cimport add_one, load, lock, make, pause, remove, ring, store, unlock, wait


cdef enum:
    # Looks at the others before a thread sleeps: about as long as to wake it takes.
    PATIENCE = 500


cdef class Meeting:
    """Where threads meet again and again.

    A thread that waits looks out for the others for a moment, and then sleeps, so that
    it takes no core from them.
    """

    def __cinit__(self):
        if make(&self.gate):
            raise MemoryError("no lock could be made")
        self.is_made = True

    def __dealloc__(self):
        if self.is_made:
            remove(&self.gate)

    def begin(self):
        """Forget all arrivals, while no thread is here."""
        store(&self.arrived, 0)

    def cancel(self):
        """Let none wait any more, now or later, as one of the threads will not come."""
        lock(&self.gate)
        store(&self.cancelled, 1)
        ring(&self.gate)
        unlock(&self.gate)

    cdef bint meet(self, int64_t everyone) noexcept nogil:
        """Wait until `everyone`, the count of all arrivals so far, is reached.

        What a thread wrote before is then seen by all. False if one will not come.
        """
        cdef Py_ssize_t looks
        if add_one(&self.arrived) >= everyone:
            lock(&self.gate)
            ring(&self.gate)
            unlock(&self.gate)
            return True
        for looks in range(PATIENCE):
            if load(&self.arrived) >= everyone:
                return True
            if load(&self.cancelled):
                return False
            pause()
        lock(&self.gate)
        while load(&self.arrived) < everyone and not load(&self.cancelled):
            wait(&self.gate)
        unlock(&self.gate)
        return load(&self.arrived) >= everyone
