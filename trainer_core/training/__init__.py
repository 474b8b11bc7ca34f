"""The worker: HF Trainer wired to a task, a journal and our own checkpoints."""
