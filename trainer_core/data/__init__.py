"""Where examples come from. Nothing here imports torch: pages and the command line look at data through this door."""

from trainer_core.data.images import ImageData, ImageSplit
from trainer_core.data.load import Data, DataSummary, Plan, check, load_data, load_images, load_texts, plan, summarise
from trainer_core.data.pictures import as_the_model_sees, content_share_of, open_picture, prepare_picture
from trainer_core.data.splits import SplitName
from trainer_core.data.texts import TextData, TextSplit

__all__ = [
    "Data",
    "DataSummary",
    "ImageData",
    "ImageSplit",
    "Plan",
    "SplitName",
    "TextData",
    "TextSplit",
    "as_the_model_sees",
    "check",
    "content_share_of",
    "load_data",
    "load_images",
    "load_texts",
    "open_picture",
    "plan",
    "prepare_picture",
    "summarise",
]
