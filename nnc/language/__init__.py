"""From a syntax tree to a tensor program: elaboration is evaluation on abstract tensors."""
