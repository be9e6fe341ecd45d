"""Writes a tiny llama model whose replies are known in advance, so that a real server has something to serve.

    python make_model.py brackets FILE.gguf     # replies `[[A]]` or `[[B]]` to any chat, then ends
    python make_model.py letter FILE.gguf       # replies `A` or `B`
    python make_model.py embedding FILE.gguf    # one vector for a text: the mean over its tokens

The tokenizer is byte-level BPE with a handful of merges. Embeddings are one-hot, so the output matrix is a table of
what follows which token; two layers of small seeded noise make the choice between A and B depend on the whole prompt.
"""

import sys

import gguf
import numpy as np

KINDS = ("brackets", "letter", "embedding")
SEED = 20240607
CONTEXT = 8192
LAYERS = 2
HEADS = 4
FEED_FORWARD = 64

# ChatML's shape, with the tokens of this tokenizer.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|bos|>", "<|eos|>", "<|im_start|>", "<|im_end|>"]


def byte_letters():
    """One printable character per byte, as byte-level BPE vocabularies write them."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in kept}
    moved = 0
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + moved)
            moved += 1
    return [letters[byte] for byte in range(256)]


def vocabulary():
    """The tokens and the merges that make the longer ones."""
    letters = byte_letters()
    space = letters[32]
    pairs = [("[", "["), ("]", "]"), (space, "A"), (space, "B"), ("t", "h"), ("th", "e"), (space, "the")]
    tokens = letters + [left + right for left, right in pairs] + SPECIAL
    return tokens, [f"{left} {right}" for left, right in pairs]


def followers(tokens, kind):
    """What follows which token: the table of logits, one row per token that stands before."""
    place = {token: number for number, token in enumerate(tokens)}
    newline, end = byte_letters()[10], "<|im_end|>"
    space = byte_letters()[32]
    letters = ["A", "B", space + "A", space + "B"]
    table = np.zeros((len(tokens), len(tokens)), dtype=np.float64)

    def follow(before, logits):
        for after, logit in logits.items():
            table[place[before], place[after]] = logit

    spread = {"A": 9.0, "B": 9.0, space + "A": 6.0, space + "B": 6.0}
    if kind == "brackets":
        follow(newline, {"[[": 14.0, **spread})
        follow("[[", {"A": 10.0, "B": 10.0})
        for letter in letters:
            follow(letter, {"]]": 20.0})
        follow("]]", {end: 20.0})
    else:
        follow(newline, spread)
        for letter in letters:
            follow(letter, {end: 20.0})
    return table


def write(kind, path):
    """Writes the model of a kind (`brackets`, `letter`, `embedding`) to a file."""
    tokens, merges = vocabulary()
    # A width that the heads share evenly and that leaves each token a dimension of its own.
    width = -(-len(tokens) // 32) * 32
    draw = np.random.default_rng(SEED)
    noise = lambda rows, columns, size: (draw.standard_normal((rows, columns)) * size).astype(np.float32)

    embedding = np.zeros((len(tokens), width), dtype=np.float32)
    embedding[np.arange(len(tokens)), np.arange(len(tokens))] = 1.0
    # After the last norm a one-hot vector has this length.
    length = width**0.5
    output = np.zeros((len(tokens), width), dtype=np.float32)
    output[:, : len(tokens)] = (followers(tokens, kind) / length).T
    # The layers write their noise into dimensions of their own; the letters alone read it.
    for letter in (65, 66):
        row = tokens.index(byte_letters()[letter])
        output[row, len(tokens) :] = draw.standard_normal(width - len(tokens)) * 0.25

    file = gguf.GGUFWriter(path, "llama")
    file.add_name(f"tribunal-test-{kind}")
    file.add_context_length(CONTEXT)
    file.add_embedding_length(width)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(FEED_FORWARD)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(width // HEADS)
    file.add_vocab_size(len(tokens))
    file.add_file_type(gguf.LlamaFileType.ALL_F32)
    if kind == "embedding":
        file.add_pooling_type(gguf.PoolingType.MEAN)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("gpt-2")
    file.add_token_list(tokens)
    types = [gguf.TokenType.NORMAL] * (len(tokens) - len(SPECIAL)) + [gguf.TokenType.CONTROL] * len(SPECIAL)
    file.add_token_types(types)
    file.add_token_merges(merges)
    file.add_bos_token_id(tokens.index("<|bos|>"))
    file.add_eos_token_id(tokens.index("<|im_end|>"))
    file.add_add_bos_token(True)
    file.add_chat_template(TEMPLATE)

    ones = np.ones(width, dtype=np.float32)
    file.add_tensor("token_embd.weight", embedding)
    file.add_tensor("output_norm.weight", ones)
    file.add_tensor("output.weight", output)
    # Noise reaches the free dimensions only, so that the table of followers stays as it is.
    free = np.zeros((width, 1), dtype=np.float32)
    free[len(tokens) :] = 1.0
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        file.add_tensor(block + "attn_norm.weight", ones)
        file.add_tensor(block + "attn_q.weight", noise(width, width, 0.1))
        file.add_tensor(block + "attn_k.weight", noise(width, width, 0.1))
        file.add_tensor(block + "attn_v.weight", noise(width, width, 0.1))
        file.add_tensor(block + "attn_output.weight", noise(width, width, 0.002) * free)
        file.add_tensor(block + "ffn_norm.weight", ones)
        file.add_tensor(block + "ffn_gate.weight", noise(FEED_FORWARD, width, 0.1))
        file.add_tensor(block + "ffn_up.weight", noise(FEED_FORWARD, width, 0.1))
        file.add_tensor(block + "ffn_down.weight", noise(width, FEED_FORWARD, 0.002) * free)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(f"usage: make_model.py {'|'.join(KINDS)} FILE.gguf")
    write(*sys.argv[1:])
