"""The concrete syntax of `.nn` programs: nn.lark, and the parser's tables made from it. Data only; nnc.syntax reads it."""
