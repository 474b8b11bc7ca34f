"""A run as something to hand in: a script that trains the same model without Descent, a bundle with all that belongs to it, and
the bundle run again and judged."""
