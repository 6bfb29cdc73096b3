"""The concrete syntax of .nn as data: `nn.lark`, and the parser's tables made from it."""
