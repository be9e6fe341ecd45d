"""A whole adapter in Python. A recipe starts it with
command = ["python3", "-m", "tribunal_adapter", "brevity.py"]."""

SELF_CHECK = False  # a control: it does not claim to know which reply is better


def score(conversation, candidates, *, reward_per_character: float = -1.0) -> list[float]:
    """Prefers short replies.

    Args:
        reward_per_character: Reward added for each character, in score units.
    """
    return [reward_per_character * len(text) for text in candidates]
