"""What each code means, with a program that gives it and the same program mended. Data, a file a family of codes."""
