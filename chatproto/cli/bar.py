"""The bar below the prompt: what is most important of it, as far as the terminal is wide."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

#: Between the parts.
_BETWEEN = " | "


class Part(Struct, frozen=True):
    """A part of the bar: what it says, in shorter and shorter ways, and how much it matters."""

    rank: int
    ways: tuple[str, ...]
    style: str = ""


def fitted(parts: Sequence[Part], columns: int, width: Callable[[str], int]) -> list[tuple[str, str]]:
    """Return styles and texts of a line that has at most so many columns.

    What has the lowest rank is shortened first, way by way, and then left out.
    """
    ways = [0] * len(parts)

    def shown() -> list[tuple[str, str]]:
        texts = [
            (part.style, part.ways[way])
            for part, way in zip(parts, ways, strict=True)
            if way < len(part.ways)
        ]
        return [piece for text in texts for piece in (("", _BETWEEN), text)][1:]

    while sum(width(text) for _, text in shown()) > columns:
        left = [index for index, part in enumerate(parts) if ways[index] < len(part.ways)]
        if not left:
            break
        least = min(left, key=lambda index: parts[index].rank)
        ways[least] += 1
    return shown()


def names(counts: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """Return ways to say how much of what is unread: all of them, and fewer and fewer."""
    shown = [f"{name} {count}" for name, count in counts]
    ways = [
        ", ".join(shown[:most]) + (f", +{len(shown) - most}" if most < len(shown) else "")
        for most in range(min(len(shown), 8), 0, -1)
    ]
    return (*ways, f"{len(shown)} unread") if shown else ()
