"""The concrete syntax of `.nn` programs: nn.lark, and the tables made from it. Data only: nnc.syntax reads it."""
