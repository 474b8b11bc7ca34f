"""The course's MNIST loop in plain PyTorch, as a baseline for train_mnist: `python -m benchmarks.plain_mnist FOLDER`.

A DataLoader decodes each picture from its PNG, normalises it, and puts 64 together; a loop goes over them. The PNGs lie in memory,
which is kinder to the loop than files or a dataset library in between. With --decode none the pictures are decoded already. Nothing
of Descent is imported.
"""

import argparse
import gzip
import io
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

MEAN, STD = 0.1307, 0.3081


class Pictures(Dataset[tuple[Tensor, int]]):
    """One of MNIST's two splits."""

    def __init__(self, folder: Path, split: str, decode: bool) -> None:
        raw = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
        self.pictures = np.frombuffer(raw, dtype=np.uint8, offset=16).reshape(-1, 28, 28)
        raw = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
        self.labels = np.frombuffer(raw, dtype=np.uint8, offset=8)
        self.files = [as_png(picture) for picture in self.pictures] if decode else None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = self.pictures[index] if self.files is None else np.array(Image.open(io.BytesIO(self.files[index])))
        pixels = torch.tensor(picture).float().div(255).unsqueeze(0)
        return (pixels - MEAN) / STD, int(self.labels[index])


def as_png(picture: np.ndarray) -> bytes:
    """The picture as a PNG file, as the hub's dataset has it."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def main() -> int:
    """Trains and prints one JSON line: the seconds of each epoch with its evaluation, and the last accuracy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="holds MNIST's four files")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--decode", choices=["png", "none"], default="png")
    parser.add_argument("--threads", type=int, help="how many torch computes with; its own choice where left out")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(42)
    sizes = (784, 256, 128, 64)
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(0.2)]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    train = DataLoader(Pictures(options.folder, "train", options.decode == "png"), batch_size=64, shuffle=True)
    test = DataLoader(Pictures(options.folder, "t10k", options.decode == "png"), batch_size=64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    seconds, accuracy = [], 0.0
    for _epoch in range(options.epochs):
        began = time.perf_counter()
        model.train()
        total = 0.0
        for pixels, labels in train:
            optimizer.zero_grad()
            loss = criterion(model(pixels), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        right = 0
        with torch.no_grad():
            for pixels, labels in test:
                right += int((model(pixels).argmax(dim=1) == labels).sum())
        accuracy = right / len(test.dataset)  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
