"""The core of Descent: data, tasks, training, tracking and jobs. It works without a browser."""
