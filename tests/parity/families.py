"""Model folders of every family, as transformers writes them: tokenizers trained on the spot, templates, random weights.

Names, special tokens and settings are those of the published models. Weights are drawn so that the residual stream is mixed at every layer
and scores depend on the whole text: matrices with deviation 1 / root(columns), norms about 1, and the head scaled until scores of short
texts have deviation 1.
"""

import json
import math
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

Json = dict[str, Any]
SPACE = "\u2581"

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

LLAMA = """
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set instruction = messages[0]['content'] | trim %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set instruction = '' %}
    {%- set turns = messages %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" + instruction + "<|eot_id|>" }}
{%- for turn in turns %}
    {{- '<|start_header_id|>' + turn['role'] + '<|end_header_id|>\\n\\n' + turn['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

MISTRAL = """
{%- set given = namespace(system='') %}
{%- if messages[0].role == 'system' %}
    {%- set given.system = messages[0].content + '\\n\\n' %}
    {%- set messages = messages[1:] %}
{%- endif %}
{{- bos_token }}
{%- for message in messages %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('turns of user and assistant have to alternate') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {%- if loop.last or (loop.index0 == messages | length - 2) %}
            {{- ' [INST] ' + given.system + message.content + ' [/INST]' }}
        {%- else %}
            {{- ' [INST] ' + message.content + ' [/INST]' }}
        {%- endif %}
    {%- elif message.role == 'assistant' %}
        {{- ' ' + message.content + eos_token }}
    {%- endif %}
{%- endfor %}
"""

QWEN2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

QWEN3 = """
{%- set seen = namespace(last_question=messages | length) %}
{%- for message in messages[::-1] %}
    {%- set place = messages | length - 1 - loop.index0 %}
    {%- if message.role == 'user' and seen.last_question == messages | length %}
        {%- set seen.last_question = place %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {%- set content = message.content %}
        {%- set thought = '' %}
        {%- if '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > seen.last_question and (loop.last or thought) %}
            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- content + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

GEMMA2 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('there is no system role') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('turns of user and model have to alternate') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)

INTERNLM2 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """What the folders of a family share."""

    name: str
    stem: str
    """What the names of its classes begin with."""
    template: str
    bos: str | None
    eos: str
    pad: str
    control: tuple[str, ...]
    """Special tokens, at the end of the vocabulary for byte-level ones, else at its front."""
    late: tuple[str, ...] = ()
    """Special tokens at the end in any case."""
    plain: tuple[str, ...] = ()
    """Added tokens that are not special."""
    digits: str = ""
    """The pattern of digits of a byte-level vocabulary; empty for one of pieces."""
    whole_words: bool = False
    spaces: str = ""
    """Where pieces get a space: `prepend` by a normaliser, `first` by a pre-tokenizer, `none`."""

    @property
    def reward_class(self) -> str:
        return "InternLM2ForRewardModel" if self.name == "internlm2" else f"{self.stem}ForSequenceClassification"

    @property
    def is_in_transformers(self) -> bool:
        return self.name != "internlm2"


FAMILIES = [
    Family(
        "llama", "Llama", LLAMA, "<|begin_of_text|>", "<|eot_id|>", "<|finetune_right_pad_id|>",
        ("<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        digits=r"\p{N}{1,3}", whole_words=True,
    ),
    Family(
        "mistral", "Mistral", MISTRAL, "<s>", "</s>", "<unk>", ("<unk>", "<s>", "</s>"), spaces="prepend",
    ),
    Family(
        "qwen2", "Qwen2", QWEN2, None, "<|im_end|>", "<|endoftext|>",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), digits=r"\p{N}",
    ),
    Family(
        "qwen3", "Qwen3", QWEN3, None, "<|im_end|>", "<|endoftext|>",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), plain=("<tool_call>", "</tool_call>", "<think>", "</think>"), digits=r"\p{N}",
    ),
    Family(
        "gemma2", "Gemma2", GEMMA2, "<bos>", "<eos>", "<pad>", ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"),
        spaces="none",
    ),
    Family(
        "internlm2", "InternLM2", INTERNLM2, "<s>", "</s>", "</s>", ("<unk>", "<s>", "</s>"),
        late=("<|im_start|>", "<|im_end|>", "<|reward|>"), spaces="first",
    ),
]  # fmt: skip


def tokenizer_of(family: Family, texts: list[str], size: int = 3000) -> Tokenizer:
    """Trains the tokenizer of a family."""
    return _bytes(family, texts, size) if family.digits else _pieces(family, texts, size)


def _bytes(family: Family, texts: list[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=family.whole_words))
    if not family.whole_words:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT.format(digits=family.digits)), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens(list(family.control))
    tokenizer.add_tokens(list(family.plain))
    return _with_begin(tokenizer, family)


def _pieces(family: Family, texts: list[str], size: int) -> Tokenizer:
    """Pieces in the order of their scores, and every way to make one as a merge: what converters of sentencepiece models write."""
    draft = Tokenizer(models.BPE())
    draft.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(SPACE, "always"), pre_tokenizers.Digits(individual_digits=True)]
    )
    draft.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, limit_alphabet=600, show_progress=False))
    made = sorted(draft.get_vocab(), key=lambda piece: draft.get_vocab()[piece])
    runs = ([SPACE * count for count in range(2, 17)] + ["\n" * count for count in range(2, 6)]) if family.name != "mistral" else []
    whole = runs + [piece for piece in made if len(piece) > 1 and piece not in runs]
    letters = sorted({letter for piece in whole for letter in piece} | {piece for piece in made if len(piece) == 1} | {"\n"})
    pieces = [*family.control, *(f"<0x{byte:02X}>" for byte in range(256)), *whole, *letters]
    ids = {piece: place for place, piece in enumerate(pieces)}
    merges = []
    for piece in whole:
        cuts = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
        known = [cut for cut in cuts if cut[0] in ids and cut[1] in ids]
        merges.extend(sorted(known, key=lambda cut: (ids[cut[0]], ids[cut[1]])))
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = normalizers.Replace(" ", SPACE)
    if family.spaces == "prepend":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), replace])
    elif family.spaces == "first":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "first", split=False)
    else:
        tokenizer.normalizer = replace
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.add_special_tokens([*family.control, *family.late])
    return _with_begin(tokenizer, family)


def _with_begin(tokenizer: Tokenizer, family: Family) -> Tokenizer:
    if family.bos:
        file = json.loads(tokenizer.to_str())
        begin = {"SpecialToken": {"id": family.bos, "type_id": 0}}
        file["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {family.bos: {"id": family.bos, "ids": [tokenizer.token_to_id(family.bos)], "tokens": [family.bos]}},
        }
        tokenizer = Tokenizer.from_str(json.dumps(file))
    return tokenizer


def write_tokenizer(family: Family, tokenizer: Tokenizer, folder: pathlib.Path) -> None:
    """Writes `tokenizer.json` and `tokenizer_config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    added = {
        str(number): {
            "content": token.content, "lstrip": token.lstrip, "normalized": token.normalized, "rstrip": token.rstrip,
            "single_word": token.single_word, "special": token.special,
        }
        for number, token in tokenizer.get_added_tokens_decoder().items()
    }  # fmt: skip
    config = {
        "added_tokens_decoder": added,
        "bos_token": family.bos,
        "eos_token": family.eos,
        "pad_token": family.pad,
        "unk_token": "<unk>" if family.spaces else None,
        "chat_template": family.template,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 131072,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


@dataclass(frozen=True)
class Size:
    """Dimensions that all families share."""

    name: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    inner: int
    rows: int
    """Rows of the embedding; the vocabulary's where it is 0."""
    tied: bool


TINY = Size("tiny", 128, 4, 4, 2, 32, 384, 0, tied=False)
HALF = Size("0.5B", 896, 24, 14, 2, 64, 4864, 151_936, tied=True)


def config_of(family: Family, size: Size, tokenizer: Tokenizer, labels: int = 0) -> Json:
    """`config.json`; a language model's where there are no labels."""
    rows = size.rows or -(-tokenizer.get_vocab_size() // 64) * 64
    names = {str(label): f"LABEL_{label}" for label in range(labels)}
    config: Json = {
        "architectures": [family.reward_class if labels else f"{family.stem}ForCausalLM"],
        "model_type": family.name,
        "vocab_size": rows,
        "hidden_size": size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "head_dim": size.head_width,
        "intermediate_size": size.inner,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": size.tied,
        "hidden_act": "silu",
        "attention_bias": False,
        "bos_token_id": tokenizer.token_to_id(family.bos) if family.bos else None,
        "eos_token_id": tokenizer.token_to_id(family.eos),
        "pad_token_id": tokenizer.token_to_id(family.pad),
        "torch_dtype": "float32",
    }
    if labels:
        config |= {"id2label": names, "label2id": {name: int(label) for label, name in names.items()}}
    if family.name == "llama":
        config |= {
            "rope_theta": 500_000.0,
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 512,
            },
        }  # fmt: skip
    elif family.name == "mistral":
        config |= {"rope_theta": 1e6, "sliding_window": None}
    elif family.name in ("qwen2", "qwen3"):
        # The configuration of Qwen names a begin token that its tokenizer does not have.
        begin = tokenizer.token_to_id("<|endoftext|>")
        config |= {"rope_theta": 1e6, "use_sliding_window": False, "sliding_window": None, "bos_token_id": begin}
        if family.name == "qwen3" and size is TINY:
            config |= {"head_dim": 64, "tie_word_embeddings": True}
    elif family.name == "gemma2":
        # A window that most texts are longer than, and caps that random weights reach.
        config |= {
            "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 2 * size.head_width,
            "sliding_window": 256, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 5.0, "tie_word_embeddings": True,
        }  # fmt: skip
    elif family.name == "internlm2":
        config |= {"bias": False, "rope_theta": 1e6}
        if labels:
            config["reward_token_id"] = tokenizer.token_to_id("<|reward|>")
    return config


def write_config(config: Json, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def draw_weights(model: torch.nn.Module, seed: int, logits: float = 2.0) -> None:
    """Random weights for all parameters, of which `logits` is the deviation of a language model's logits."""
    draw = torch.Generator().manual_seed(seed)
    for name, weight in sorted(model.named_parameters()):
        normal = torch.randn(weight.shape, generator=draw)
        if weight.dim() == 1:
            # Gemma's norms are stored less one.
            middle = 0.0 if "bias" in name or "Gemma" in type(model).__name__ else 1.0
            normal = middle + 0.1 * normal
        else:
            normal *= 1 / math.sqrt(weight.shape[1])
            if "embed" in name or "lm_head" in name or name.startswith("output"):
                normal *= logits
        with torch.no_grad():
            weight.copy_(normal)


def write_weights(model: torch.nn.Module, folder: pathlib.Path) -> None:
    """Writes the weights; tied ones once. Weights that are bfloat16 numbers are stored as such, which takes half the place."""
    weights: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, weight in named_weights(model):
        if weight.data_ptr() not in seen:
            seen.add(weight.data_ptr())
            weights[name] = weight
    if all(torch.equal(weight.bfloat16().float(), weight) for weight in weights.values()):
        weights = {name: weight.bfloat16() for name, weight in weights.items()}
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


def named_weights(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for name, weight in model.named_parameters(remove_duplicate=False):
        yield name, weight.detach().contiguous()


def round_weights(model: torch.nn.Module) -> None:
    """Rounds all weights to bfloat16 numbers."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.bfloat16().float())
