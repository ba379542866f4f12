"""``.. slashes::`` lists what one can type in ``chatproto chat``, with the words of its own ``/help``."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from chatproto.cli import slashes


class SlashesDirective(SphinxDirective):
    """One definition list for each subject."""

    def run(self) -> list[nodes.Node]:
        """Return the lists."""
        self.env.note_dependency(str(slashes.__file__))
        self.content = StringList(list(_lines()), source=str(slashes.__file__))
        return self.parse_content_to_nodes()


def _lines() -> Iterator[str]:
    for subject, listed in slashes.SUBJECTS.items():
        yield from (f".. rubric:: {subject.capitalize()}", "")
        for slash in listed:
            yield from (f"``{slash.usage}``", f"    {slash.summary()}")
        yield ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directive known."""
    app.add_directive("slashes", SlashesDirective)
    return {"parallel_read_safe": True}
