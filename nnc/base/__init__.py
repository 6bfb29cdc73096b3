"""The ground floor: sources, diagnostics and readable names. It knows nothing of the language."""
