"""Measurements that anyone can run: `python -m benchmarks.NAME`. Each prints a last line of JSON with its figures and `holds`."""
