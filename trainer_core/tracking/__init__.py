"""What a run computed, from the worker's journal to MLflow and back. The only package that imports mlflow, and only when used."""
