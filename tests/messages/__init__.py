"""The catalogs of translations: what the sources say in English is collected, and held against what is translated.

python -m tests.messages
"""
