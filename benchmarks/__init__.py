"""
Benchmarks of the hub, side by side with other servers: ``python -m benchmarks``.

See ``benchmarks/README.rst``.
"""
