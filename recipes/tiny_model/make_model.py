"""Makes the tiny model from nothing: `python make_model.py --out build/`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import torch

from export import write_gguf
from network import Llama, NetworkConfig
from tokenizer import build_tokenizer
from train import draw_batches, train

PHASES = (480.0, 400.0)
"""Seconds of training. The second phase keeps the weights of the first and starts its schedule anew."""

INITIAL_WEIGHTS_SEED = 0


def main() -> None:
    """Build the tokenizer, train the network in two phases, and write both as one GGUF file."""
    arguments = _parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer()
    torch.manual_seed(INITIAL_WEIGHTS_SEED)
    network = Llama(NetworkConfig(vocabulary=tokenizer.get_vocab_size()))
    for phase, share in enumerate(PHASES):
        seconds = arguments.seconds * share / sum(PHASES)
        print(f"Phase {phase + 1} of {len(PHASES)}: {seconds:.0f} seconds", flush=True)
        # Another seed for each phase: none reads again what an earlier one has read.
        train(network, draw_batches(tokenizer, network.config.context, arguments.seed + phase), seconds)
    path = arguments.out / "tiny.gguf"
    write_gguf(path, network, tokenizer)
    print(f"Wrote {path} ({path.stat().st_size:,} bytes)")


def _parse_arguments() -> Namespace:
    parser = ArgumentParser(description="Make the tiny model.")
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder for tiny.gguf (default: build)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=sum(PHASES),
        help="training time of both phases together (default: %(default).0f)",
    )
    parser.add_argument("--seed", type=int, default=2, help="seed of the training text (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
