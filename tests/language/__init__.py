"""Tests of elaboration."""
