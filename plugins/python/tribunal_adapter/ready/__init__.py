"""Ready adapters for models of `transformers`: `python3 -m tribunal_adapter tribunal_adapter.ready`.

Importing this loads no heavy library; `check` only looks whether they are installed.
"""

from tribunal_adapter.ready.classifier import SequenceClassifier
from tribunal_adapter.ready.dpo import Dpo
from tribunal_adapter.ready.pair_preference import PairPreference
from tribunal_adapter.ready.rewardbench import FromRewardBench

VERSION = "0.1.0"

__all__ = ["Dpo", "FromRewardBench", "PairPreference", "SequenceClassifier"]
