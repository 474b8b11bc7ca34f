"""From a checkpoint to an answer, in a warm process that pages and the command line ask through jobs.predictor."""
