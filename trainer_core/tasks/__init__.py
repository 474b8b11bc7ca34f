"""One module a kind of work: examples to tensors, model, loss, metrics, baselines, prediction."""
