"""Terms joined by two operators of different strength, with parentheses: what markers and version specs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

#: deeper nesting than this is not written by people.
MAX_DEPTH: Final = 32

Term = TypeVar("Term")


@dataclass(frozen=True, slots=True)
class AllOf(Generic[Term]):
    """Terms joined by the stronger operator: all must hold."""

    parts: tuple[Tree[Term], ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Generic[Term]):
    """Terms joined by the weaker operator: one must hold."""

    parts: tuple[Tree[Term], ...]


Tree: TypeAlias = Term | AllOf[Term] | AnyOf[Term]


@dataclass(frozen=True, slots=True)
class Grammar(Generic[Term]):
    """How one language spells its operators, and what it calls itself and its terms in messages."""

    both: str
    either: str
    language: str
    term: str

    def parse(self, tokens: Sequence[str | Term]) -> tuple[Tree[Term], int]:
        """The tree at the start of `tokens`, in which texts are operators and parentheses, and where it ends.

        Raises:
            ValueError: something is missing, or it is nested deeper than `MAX_DEPTH`.
        """
        return self._either(tokens, 0, 0)

    def _either(self, tokens: Sequence[str | Term], start: int, depth: int) -> tuple[Tree[Term], int]:
        if depth > MAX_DEPTH:
            raise ValueError(f"{self.language} is nested too deeply")
        node, position = self._both(tokens, start, depth)
        parts = [node]
        while position < len(tokens) and tokens[position] == self.either:
            node, position = self._both(tokens, position + 1, depth)
            parts.append(node)
        return (parts[0] if len(parts) == 1 else AnyOf(tuple(parts))), position

    def _both(self, tokens: Sequence[str | Term], start: int, depth: int) -> tuple[Tree[Term], int]:
        node, position = self._one(tokens, start, depth)
        parts = [node]
        while position < len(tokens) and tokens[position] == self.both:
            node, position = self._one(tokens, position + 1, depth)
            parts.append(node)
        return (parts[0] if len(parts) == 1 else AllOf(tuple(parts))), position

    def _one(self, tokens: Sequence[str | Term], start: int, depth: int) -> tuple[Tree[Term], int]:
        if start >= len(tokens):
            raise ValueError(f"{self.language} ends too early")
        first = tokens[start]
        if not isinstance(first, str):
            return first, start + 1
        if first != "(":
            raise ValueError(f"{self.language} has {first!r} where a {self.term} should be")
        node, position = self._either(tokens, start + 1, depth + 1)
        if position >= len(tokens) or tokens[position] != ")":
            raise ValueError(f"{self.language} has an open parenthesis")
        return node, position + 1
