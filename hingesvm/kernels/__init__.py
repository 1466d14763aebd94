"""The arithmetic: loops over rows and columns, in Cython, that release the GIL.

``build`` has the kernels of the build for this processor. Nothing here knows of
problems or methods.
"""
