"""Joint problems, with dual variables of all classes at once: sweeps, Newton steps."""
