"""A suite in Python: questions of arithmetic whose better reply is right. The host grades it."""


class SmallSuite:
    """Sums of two numbers, each with a right and a wrong reply."""

    KIND = "example.sums"
    VERSION = "1"
    card = {"name": "Sums", "licence": "that of Tribunal", "source": "examples/adapters/python"}

    def __init__(self, *, count: int = 12):
        """Args:
        count: How many sums there are.
        """
        self.count = count

    def items(self):
        for number in range(self.count):
            one, other = 3 * number + 1, 5 * number + 2
            yield {
                "id": str(number),
                "subset": "small" if one + other < 50 else "large",
                "prompt": f"What is {one} + {other}?",
                "candidates": [f"It is {one + other}.", f"It is {one + other + 1}, I believe."],
                "tags": {"digits": str(len(str(one + other)))},
            }
