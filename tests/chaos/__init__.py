"""Kills at random moments what works for real runs, and holds what is left against what was promised."""
