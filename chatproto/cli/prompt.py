"""The line that is being typed: one prompt that stands for a whole talk.

It takes lines and answers to questions, and knows nothing of what they mean.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style
from twisted.internet.defer import Deferred

from chatproto.cli.slashes import Mistake

_STYLE = Style.from_dict({"pending": "italic", "prompt": "bold", "away": "bold ansired", "news": "bold"})


class Prompt:
    """A prompt with a bar below it.

    ``message`` tells what stands before the cursor, ``bar`` what stands in the bar. ``on_line`` is called
    with each line, ``on_edit`` with what has been typed of one, ``on_page_up`` at that key.
    """

    def __init__(
        self,
        *,
        message: Callable[[], StyleAndTextTuples],
        bar: Callable[[], StyleAndTextTuples],
        on_line: Callable[[str], None],
        on_edit: Callable[[str], None],
        on_page_up: Callable[[], None],
        completer: Completer,
    ) -> None:
        self._message = message
        self._on_line = on_line
        self._on_edit = on_edit
        self._on_page_up = on_page_up
        # What is asked for, who waits for it, and the line that was being typed before.
        self._question: tuple[str, Deferred[str], Document] | None = None
        # Drawn again every second: that somebody is writing passes without a key.
        self._session: PromptSession[str] = PromptSession(
            self._before,
            style=_STYLE,
            is_password=Condition(lambda: self._question is not None),
            bottom_toolbar=bar,
            completer=completer,
            complete_while_typing=False,
            enable_suspend=True,
            key_bindings=self._keys(),
            refresh_interval=1.0,
            erase_when_done=True,
        )
        self._session.default_buffer.accept_handler = self._accept
        self._session.default_buffer.on_text_changed += self._edited

    @property
    def output(self) -> Output:
        """The terminal."""
        return self._session.output

    def columns(self) -> int:
        """Return how wide the terminal is; one that is hardly there is taken for a narrow one."""
        return max(self.output.get_size().columns, 20)

    async def run(self, begin: Callable[[], None]) -> None:
        """Show the prompt, then ``begin``; return after :meth:`exit`, or when the terminal is gone."""
        with contextlib.suppress(EOFError, KeyboardInterrupt, OSError):
            await self._session.prompt_async(pre_run=begin)

    def exit(self) -> None:
        """End the prompt, if it is there."""
        app = self._session.app
        if app.is_running and not app.is_done:
            app.exit(result="")

    def redraw(self) -> None:
        """Draw it anew, soon."""
        self._session.app.invalidate()

    def ask(self, question: str) -> Deferred[str]:
        """Ask for a secret in the place of the line that is being typed.

        :raises Mistake: it was not answered.
        """
        buffer = self._session.default_buffer
        answer: Deferred[str] = Deferred()
        self._question = (question, answer, buffer.document)
        buffer.reset()
        self.redraw()
        return answer

    def _end_question(self) -> Deferred[str]:
        assert self._question is not None
        _, answer, draft = self._question
        self._question = None
        self._session.default_buffer.reset(draft)
        self.redraw()
        return answer

    def _accept(self, buffer: Buffer) -> bool:
        """Take a line or an answer. What is in the buffer then is the next one, and stays."""
        line = buffer.text
        if self._question is not None:
            self._end_question().callback(line)
        else:
            buffer.reset(append_to_history=True)
            self._on_line(line)
        return True

    def _edited(self, buffer: Buffer) -> None:
        if self._question is None:
            self._on_edit(buffer.text)

    def _before(self) -> StyleAndTextTuples:
        return self._message() if self._question is None else [("class:prompt", self._question[0])]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("pageup", eager=True)
        def page_up(event: KeyPressEvent) -> None:
            if self._question is None:
                self._on_page_up()

        @keys.add("escape", "enter")
        def another_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def give_up(event: KeyPressEvent) -> None:
            if self._question is not None:
                self._end_question().errback(Mistake("nothing was done"))
            elif event.current_buffer.text:
                event.current_buffer.append_to_history()  # for who did not mean it
                event.current_buffer.reset()
            else:
                self.exit()

        return keys
