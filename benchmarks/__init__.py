"""
How fast the hub is, side by side with what else there is: ``python -m benchmarks``.

See ``benchmarks/README.rst``.
"""
