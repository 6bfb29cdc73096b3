"""Side-by-side timings with other frameworks: `python -m benchmarks`."""
