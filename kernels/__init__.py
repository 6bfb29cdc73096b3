"""Hand-written Triton templates, one file each: real kernels with hooks, importable and tested alone.

A file here imports triton and nothing else. The compiler reads these files as text and never imports them.
"""
