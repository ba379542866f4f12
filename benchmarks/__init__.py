"""Benchmarks: each prints one line, none ever fails a test run. ``python -m benchmarks`` runs them all."""
