"""From text to tree and back: the parser with its recovery, the tree's nodes and the canonical printer."""
