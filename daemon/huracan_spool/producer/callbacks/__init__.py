"""Runs handed over by training loops of other libraries: one small module for each, loaded by whoever uses it.

A plain loop needs none of them: `RunWriter` is all.
"""
