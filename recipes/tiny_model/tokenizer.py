"""The model's tokenizer: byte-level BPE, so that any text has tokens, learned from the grammar."""

from collections.abc import Iterator
from itertools import chain
from random import Random

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from chat_format import CONTROL_TOKENS
from grammar import draw_sample

VOCABULARY_SIZE = 1024  # tokens: 6 for control, 256 for single bytes, the rest learned
SAMPLES = 12_000
TEXT_SEED = 7


def build_tokenizer() -> Tokenizer:
    """Learn the tokenizer; it comes out the same every time."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(CONTROL_TOKENS),
        initial_alphabet=ByteLevel.alphabet(),  # bytes that the grammar never uses need tokens too
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return tokenizer


def _texts() -> Iterator[str]:
    """The plain texts of the samples, without control tokens."""
    rng = Random(TEXT_SEED)
    samples = (draw_sample(rng) for _ in range(SAMPLES))
    return chain.from_iterable(
        [sample] if isinstance(sample, str) else [turn.text for turn in sample] for sample in samples
    )
