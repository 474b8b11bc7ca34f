"""The names of the tags that Descent sets on an MLflow run, each declared once."""

PREFIX = "descent."

RECIPE = "descent.recipe"
CLONED_FROM = "descent.cloned_from"
COMMAND = "descent.command"
REASON = "descent.reason"
ARCHIVED = "descent.archived"
RESTARTS = "descent.restarts"
"""JSON list of {"at": ms, "from_step": n}, one for each time the run was resumed."""
SEGMENTS = "descent.segments"
"""JSON list of [started ms, ended ms or null], one for each worker: a run's minutes leave out the pauses between."""

# Set by the worker.
DATASET = "descent.dataset"
DATASET_DIGEST = "descent.dataset_digest"
DEVICE = "descent.device"
EVALUATED_ON = "descent.evaluated_on"
"""`validation` or `test`: the split that eval/* is measured on."""
PACKAGES = "descent.packages"
PARAMETERS = "descent.parameters"
"""The number of numbers that training adjusts."""
PRECISION = "descent.precision"
PYTHON = "descent.python"
THREADS = "descent.threads"
TOTAL_STEPS = "descent.total_steps"

# Among MLflow's own, which its pages hide.
LAUNCH = "mlflow.descentLaunch"
"""The token of the launch that created the run, see jobs.database: it finds a run whose launcher was killed."""
GIT_COMMIT = "mlflow.source.git.commit"
SOURCE_NAME = "mlflow.source.name"
USER = "mlflow.user"
