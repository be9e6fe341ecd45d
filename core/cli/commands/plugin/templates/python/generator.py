"""`@NAME@`: a generator, which judges are built on. This one replies with a fixed text; put your own model in the place of `generate`."""

KIND = "@NAME@"
VERSION = "1"


def generate(prompt, *, reply: str = "Rating: [[5]]") -> str:
    """Replies with a fixed text.

    Args:
        reply: The reply to every prompt.
    """
    # `prompt.turns` holds the dialogue, `prompt.sampling` says how to draw, `prompt.seed` which sample this is.
    for stop in prompt.sampling.stop:
        reply = reply.split(stop)[0]
    return reply
