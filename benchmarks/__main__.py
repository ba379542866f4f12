"""Run every benchmark: ``python -m benchmarks``."""

from benchmarks import latency, memory, waiting, window

for benchmark in (window, waiting, memory, latency):
    benchmark.main()
