"""Questions to a supply in its dialect: spelled, sent to the right channel, and the reply understood or refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rig.errors import ReplyError
from rig.guard.dialects import SupplyModel
from rig.guard.link import ScpiLink
from rig.parse import scpi

_QUEUE_DEPTH = 32
"""No supply keeps more errors; an entry that never clears is a fault of its own."""


class Asking:
    """One supply over its link; `model` is the row of the table it is spoken to by."""

    def __init__(self, link: ScpiLink, model: SupplyModel) -> None:
        self._link, self.model = link, model

    @property
    def device(self) -> str:
        return f"{self.model.name} at {self._link.address}"

    @property
    def sessions(self) -> int:
        """How many sessions were opened so far."""
        return self._link.sessions

    def drop(self) -> None:
        """Close the session; outputs stay as they are."""
        self._link.drop()

    def refused(self, asked: str, got: object, remedy: str) -> ReplyError:
        """A reply that is not one: the session may be out of step, so it is not used again."""
        self._link.drop()
        return ReplyError(self.device, asked, got, remedy)

    def who(self) -> str:
        """The reply to `*IDN?`."""
        return self._link.query("*IDN?")

    def spelled(self, template: str, number: int | str, x: float = 0.0, on: bool = False) -> str:
        """The command for a channel."""
        return template.format(n=number, x=x, s="ON" if on else "OFF", b=int(on))

    def tell(self, number: int, command: str) -> None:
        """Send a command that has no reply to a channel."""
        self._link.write(self._chosen(number, command))

    def tell_all(self, command: str) -> None:
        """Send a command that has no reply and no channel."""
        self._link.write(command)

    def text(self, number: int, question: str) -> str:
        """The reply of a channel to one question."""
        return self.texts(number, [question])[0]

    def texts(self, number: int, questions: Sequence[str]) -> list[str]:
        """The replies of a channel, in as few exchanges as the dialect allows."""
        return self.rounds([(number, questions)])[0]

    def rounds(self, asked: Iterable[tuple[int, Sequence[str]]]) -> list[list[str]]:
        """The replies of several channels; in one exchange where the dialect can."""
        rounds = [(number, self._with_selection(number, questions)) for number, questions in asked]
        if self.model.dialect.joined:
            replies = self._joined([question for _, questions in rounds for question in questions])
        else:
            replies = [self._one(question) for _, questions in rounds for question in questions]
        answers = []
        for number, questions in rounds:
            mine, replies = replies[: len(questions)], replies[len(questions) :]
            answers.append(self._of_channel(number, questions, mine))
        return answers

    def number(self, number: int, question: str) -> float:
        """One number; ReplyError when it is none."""
        reply = self.text(number, question)
        value = scpi.number(scpi.headless(reply))
        if value is None:
            raise self.refused(question, reply, "expected a number")
        return value

    def switch(self, number: int, question: str) -> bool:
        """ON or OFF; ReplyError when it is neither."""
        reply = self.text(number, question)
        state = scpi.switch(scpi.headless(reply))
        if state is None:
            raise self.refused(question, reply, "expected ON or OFF")
        return state

    def status(self) -> int:
        """The status word that tells of all channels."""
        word = self.model.dialect.status
        if word is None:
            raise AssertionError(f"{self.model.name} has no status word")
        if word.binary:
            return self._link.query_bytes(word.query, 1)[0]
        reply = self._link.query(word.query)
        try:
            return int(reply, 16)
        except ValueError:
            raise self.refused(word.query, reply, "expected a hexadecimal status word") from None

    # --- error queue --------------------------------------------------------------------------------------

    def drain_errors(self) -> None:
        """Forget what went wrong before."""
        if self.model.dialect.error is None:
            return
        for _ in range(_QUEUE_DEPTH):
            if self._next_error()[0] == 0:
                return
        raise self.refused(self.model.dialect.error, "errors without end", "switch the supply off and on again")

    def check_errors(self, asked: str) -> None:
        """ReplyError when the supply complained since the queue was last empty."""
        if self.model.dialect.error is None:
            return
        code, text = self._next_error()
        if code != 0:
            self.drain_errors()
            raise ReplyError(self.device, asked, f"{code} {text}".strip(), "the supply refused a setting")

    def _next_error(self) -> tuple[int, str]:
        question = self.model.dialect.error or ""
        reply = self._link.query(question)
        entry = scpi.error(reply)
        if entry is None:
            raise self.refused(question, reply, "expected an entry of the error queue")
        return entry

    # --- messages -----------------------------------------------------------------------------------------

    def _one(self, question: str) -> str:
        return self._link.query(question, self.model.dialect.number_chars)

    def _joined(self, questions: Sequence[str]) -> list[str]:
        message = ";".join([questions[0], *(f":{q.removeprefix(':')}" for q in questions[1:])])
        reply = self._link.query(message)
        replies = [part.strip() for part in reply.split(";")]
        asked = sum("?" in question for question in questions)
        if len(replies) != asked:
            raise self.refused(message, reply, f"expected {asked} replies between semicolons: part of it was lost")
        parts = iter(replies)
        return [next(parts) if "?" in question else "" for question in questions]

    def _with_selection(self, number: int, questions: Sequence[str]) -> list[str]:
        say = self.model.dialect
        if say.select is None or say.selected is None:
            return list(questions)
        return [self.spelled(say.select, number), *questions, say.selected]

    def _of_channel(self, number: int, questions: Sequence[str], replies: Sequence[str]) -> list[str]:
        """Without what only proves whose replies they are."""
        if self.model.dialect.select is None:
            return list(replies)
        chosen = scpi.number(replies[-1])
        if chosen != number:
            remedy = f"channel {number} was chosen before: somebody else uses the supply, or it loses commands"
            raise self.refused("; ".join(questions), replies[-1], remedy)
        return list(replies[1:-1])

    def _chosen(self, number: int, command: str) -> str:
        select = self.model.dialect.select
        return command if select is None else f"{self.spelled(select, number)};:{command.removeprefix(':')}"
