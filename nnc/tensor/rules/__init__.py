"""The rewrite rules of `simplify`: a file a subject."""
