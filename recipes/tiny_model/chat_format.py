"""How a conversation is written as tokens: the same for training and for whoever runs the model."""

from grammar import Sample

PADDING, BEGINNING, END = "<|pad|>", "<|bos|>", "<|end|>"

CONTROL_TOKENS = (PADDING, BEGINNING, END, "<|system|>", "<|user|>", "<|assistant|>")
"""In the order of their ids, from 0.

Text that spells one out turns into it, so whoever runs the model has to take them out of what users write.
"""

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""Jinja for what `render` does; it travels inside the model file."""


def render(sample: Sample) -> str:
    """The sample with its control tokens written out."""
    if isinstance(sample, str):
        return f"{BEGINNING}{sample}{END}"
    return BEGINNING + "".join(f"<|{turn.role}|>{turn.text}{END}" for turn in sample)
