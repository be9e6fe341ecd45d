"""`@NAME@`: a reward source. This one prefers short replies; put your own model in the place of `score`."""

VERSION = "1"
# A control. Delete this line for a model: twenty clear pairs are then put to it before every run.
SELF_CHECK = False


def score(conversation, candidates, *, weight: float = -1.0) -> list[float]:
    """Prefers short replies.

    Args:
        weight: Reward added for each character of a reply; negative favours short ones.
    """
    # `conversation` holds the turns before the reply, with `role` and `content`. One number per candidate; larger is better.
    return [weight * len(text) for text in candidates]
