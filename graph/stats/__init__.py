"""Figures over the calls that a list shows. Only sums are added; ratios come last."""
