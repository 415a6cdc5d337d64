"""Writes the network and its tokenizer as one GGUF file, the format of llama.cpp."""

import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import quantize
from tokenizers import Tokenizer

from chat_format import BEGINNING, CHAT_TEMPLATE, CONTROL_TOKENS, END, PADDING
from network import Llama, NetworkConfig

NAME = "tiny-stories-1m"
LICENSE = "apache-2.0"


def write_gguf(path: Path, network: Llama, tokenizer: Tokenizer) -> None:
    """Write the model file: matrices as Q8_0 (8 bits a weight, a scale for every 32), norms as float32."""
    writer = GGUFWriter(path, "llama")
    writer.add_name(NAME)
    writer.add_license(LICENSE)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    _add_dimensions(writer, network.config)
    _add_vocabulary(writer, tokenizer)
    _add_chat_format(writer)
    _add_tensors(writer, network)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_dimensions(writer: GGUFWriter, config: NetworkConfig) -> None:
    writer.add_vocab_size(config.vocabulary)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_base)


def _add_vocabulary(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=ids.__getitem__)
    types = [TokenType.CONTROL if token in CONTROL_TOKENS else TokenType.NORMAL for token in tokens]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]  # no other way to read them
    writer.add_tokenizer_model("gpt2")  # llama.cpp's name for byte-level BPE
    writer.add_tokenizer_pre("gpt-2")  # and for the way it splits text into words
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in merges])


def _add_chat_format(writer: GGUFWriter) -> None:
    writer.add_bos_token_id(CONTROL_TOKENS.index(BEGINNING))
    writer.add_eos_token_id(CONTROL_TOKENS.index(END))
    writer.add_eot_token_id(CONTROL_TOKENS.index(END))
    writer.add_pad_token_id(CONTROL_TOKENS.index(PADDING))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _add_tensors(writer: GGUFWriter, network: Llama) -> None:
    heads = {"attn_q": network.config.heads, "attn_k": network.config.kv_heads}
    for name, tensor in network.state_dict().items():
        weights = tensor.numpy()
        if weights.ndim == 1:
            writer.add_tensor(name, weights)
            continue
        for rotated, head_count in heads.items():
            if f".{rotated}." in name:
                weights = _interleave(weights, head_count)
        quantized = quantize(weights, GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, quantized, raw_dtype=GGMLQuantizationType.Q8_0)


def _interleave(weights: np.ndarray, heads: int) -> np.ndarray:
    """The rows of a query or key matrix, [heads * head width, W], in llama.cpp's order.

    It rotates neighbours (0 with 1), where this network rotates a number with the one half a head away.
    """
    return weights.reshape(heads, 2, -1, weights.shape[1]).swapaxes(1, 2).reshape(weights.shape)
