"""Training by the clock: as many steps as fit into the given seconds."""

from collections.abc import Iterator
from math import cos, pi
from random import Random
from time import monotonic

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from chat_format import render
from grammar import draw_sample
from network import Llama

Batch = tuple[Tensor, Tensor]
"""Token ids to read and the ids that come next, both of shape [sequences, context]."""

SEQUENCES_PER_BATCH = 4
PEAK_LEARNING_RATE = 2e-3
WARM_UP_STEPS = 60
STEPS_PER_REPORT = 50


def draw_batches(tokenizer: Tokenizer, context: int, seed: int) -> Iterator[Batch]:
    """Endless batches of the grammar's samples, laid end to end and cut to sequences of `context` tokens."""
    rng = Random(seed)
    size = SEQUENCES_PER_BATCH * context
    ids: list[int] = []
    while True:
        while len(ids) <= size:  # one more than is read: the last token has a next one too
            ids += tokenizer.encode(render(draw_sample(rng))).ids
        window = torch.tensor(ids[: size + 1])
        del ids[:size]
        yield window[:-1].view(-1, context), window[1:].view(-1, context)


def train(network: Llama, batches: Iterator[Batch], seconds: float) -> None:
    """Train the network in place, and print the loss (nats per token, smoothed) from time to time."""
    optimizer = _make_optimizer(network)
    start = monotonic()
    step, smoothed_loss = 0, None
    while (elapsed := monotonic() - start) < seconds:
        progress = elapsed / seconds
        _set_learning_rate(optimizer, _learning_rate(step, progress))
        loss = _train_step(network, optimizer, next(batches))
        smoothed_loss = loss if smoothed_loss is None else 0.95 * smoothed_loss + 0.05 * loss
        step += 1
        if step % STEPS_PER_REPORT == 0:
            print(f"{progress:4.0%}  step {step}  loss {smoothed_loss:.3f}", flush=True)


def _make_optimizer(network: Llama) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in network.parameters() if parameter.dim() == 2]
    norms = [parameter for parameter in network.parameters() if parameter.dim() == 1]
    # Decay would pull a norm's weights away from 1, where they do nothing.
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_LEARNING_RATE, betas=(0.9, 0.95))


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _learning_rate(step: int, progress: float) -> float:
    """The peak after a warm-up, held for the first 30 % of the time, then down to 2 % along a cosine."""
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    if progress < 0.3:
        return PEAK_LEARNING_RATE * warm_up
    descent = (1 + cos(pi * (progress - 0.3) / 0.7)) / 2  # from 1 to 0
    return PEAK_LEARNING_RATE * warm_up * (0.02 + 0.98 * descent)


def _train_step(network: Llama, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """Learn from one batch; the loss before the step."""
    read, following = batch
    loss = cross_entropy(network(read).flatten(0, 1), following.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return loss.item()
