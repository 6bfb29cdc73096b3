"""The schedule floor: which kernels a program becomes, what they read and write, and in which order."""
