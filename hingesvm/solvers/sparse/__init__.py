"""Problems whose weights have an L1 penalty, solved on few columns at a time."""
