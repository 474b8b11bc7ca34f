"""From a config's names to torch's optimisers and schedules."""

import math
from collections.abc import Iterable

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from trainer_core.config import TrainConfig


def build_optimizer(config: TrainConfig, parameters: Iterable[torch.nn.Parameter]) -> Optimizer:
    """The optimiser of the settings. Weight decay falls on matrices only: pulling biases to zero helps nothing."""
    wanted = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [p for p in wanted if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in wanted if p.ndim < 2], "weight_decay": 0.0},
    ]
    rate = config.learning_rate
    match config.optimizer:
        case "sgd":
            return torch.optim.SGD(groups, lr=rate)
        case "momentum":
            return torch.optim.SGD(groups, lr=rate, momentum=config.momentum)
        case "nesterov":
            # Nesterov's look ahead is defined for momentum above 0 only; at 0 both are plain SGD.
            return torch.optim.SGD(groups, lr=rate, momentum=config.momentum, nesterov=config.momentum > 0)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, fused=True)
        case "adagrad":
            return torch.optim.Adagrad(groups, lr=rate)
        case "adadelta":
            return torch.optim.Adadelta(groups, lr=rate)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=rate, momentum=config.momentum)
        case "rprop":
            # Rprop reads only the sign of the gradient and knows no weight decay.
            return torch.optim.Rprop(wanted, lr=rate)


def learning_rate_factor(config: TrainConfig, step: int, total_steps: int, steps_per_epoch: int) -> float:
    """What the learning rate is multiplied by in the step after `step` done ones."""
    warmup = math.ceil(config.warmup_ratio * total_steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, total_steps - warmup)
    match config.schedule:
        case "constant":
            return 1.0
        case "linear":
            return max(0.0, 1.0 - progress)
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
        case "step":
            return float(config.step_gamma ** (step // (config.step_size * steps_per_epoch)))


def build_schedule(config: TrainConfig, optimizer: Optimizer, total_steps: int, steps_per_epoch: int) -> LambdaLR:
    """The schedule of the settings, one step of it a step of the optimiser."""
    return LambdaLR(optimizer, lambda step: learning_rate_factor(config, step, total_steps, steps_per_epoch))
