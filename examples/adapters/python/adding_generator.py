"""A generator in Python: it adds the numbers of a question, and judges by that. No model is needed for it."""

import re


class AddingGenerator:
    """Finds the sum in a judge's prompt and says which reply holds it."""

    KIND = "example.adder"
    VERSION = "1"

    def generate(self, prompt):
        text = prompt.turns[-1].content
        question = re.search(r"What is (\d+) \+ (\d+)\?", text)
        if question is None:
            return "This is no sum, so I cannot tell."
        right = str(int(question.group(1)) + int(question.group(2)))
        first = re.search(r"It is (\d+)", text)
        return "[[A]]" if first is not None and first.group(1) == right else "[[B]]"
