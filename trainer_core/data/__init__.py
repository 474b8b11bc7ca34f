"""Where examples come from. Nothing here imports torch: pages and the command line look at data through this door."""

from trainer_core.data.images import ImageData, ImageSplit, SplitName
from trainer_core.data.load import DataSummary, Plan, check, load_data, plan, summarise
from trainer_core.data.pictures import as_the_model_sees, content_share_of, open_picture, prepare_picture

__all__ = [
    "DataSummary",
    "ImageData",
    "ImageSplit",
    "Plan",
    "SplitName",
    "as_the_model_sees",
    "check",
    "content_share_of",
    "load_data",
    "open_picture",
    "plan",
    "prepare_picture",
    "summarise",
]
