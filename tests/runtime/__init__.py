"""Tests of nnc.runtime, on a module that is written by hand."""
