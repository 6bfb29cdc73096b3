"""What the shell shows of a program: diagnostics, costs, summaries, explanations. Data in, text out; files.py alone
touches the disk."""
