"""One turn of a conversation: how its generation is opened, and how its reply is kept, once, whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_proxy.conversations import ending, history
from edge_proxy.conversations.keeper import Follower, Keeper, Nobody
from edge_proxy.conversations.records import Asked, Begun, Known
from edge_proxy.conversations.talk import Talk
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.events import Event, Failed, Outcome
from edge_proxy.core.reader import Opened, Reader, Source
from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects.agent_chat import Turn as Dialect

if TYPE_CHECKING:
    from edge_proxy.conversations.store import Store

OpenSource = Callable[[GenerationRequest, Reader], Awaitable[Opened]]
AttachSource = Callable[[str, int, GenerationRequest, Reader], Awaitable[Opened]]
LEFT = Failure(Code.CANCELLED)
SEEK_S, SEEK_PERIOD_S = 1.0, 0.05


class Turn:
    """What a turn that begins and one that is come back to have in common."""

    def __init__(self, talk: Talk) -> None:
        self.dialect = Dialect(session_id="", message_id="", reply_id="", model="")  # until it is known
        self._talk = talk
        self._keeper: Keeper | None = None
        self._generation_id = ""

    async def close(self, end: Failure | Event | None) -> None:
        """Have the reply kept as far as it came, if that has not been done.

        Args:
            end: Why it is read no more: a failure on this side, or the client's last event, if there was one.
        """
        keeper = self._keeper
        if keeper is None:
            return
        failure = end.failure if isinstance(end, Failed) else end
        keeper.finish(failure if isinstance(failure, Failure) else LEFT)
        await keeper.told()
        self._talk.leases.drop(self.dialect.reply_id)

    async def _keep(self, how: Outcome | Failure, text: str, tokens: int) -> Failure | None:
        reply = ending.reply(how, text, tokens=tokens, generation_id=self._generation_id)
        try:
            await self._talk.keep(self.dialect.reply_id, reply)
        except Refused as refused:
            deleted = refused.failure.code is Code.NOT_STORED
            failure = refused.failure if deleted else Failure(Code.NOT_STORED)
            return failure if isinstance(how, Outcome) else None  # else it has failed already, and for a better reason
        return None


class NewTurn(Turn):
    """A turn that begins.

    Args:
        talk: What all turns share.
        asked: What is asked for.
    """

    def __init__(self, talk: Talk, asked: Asked) -> None:
        super().__init__(talk)
        self._asked = asked
        self.dialect = replace(self.dialect, session_id=asked.session_id)

    def through(self, open_source: OpenSource) -> OpenSource:
        """How to open its generation, given how to open any."""

        async def open_turn(request: GenerationRequest, reader: Reader) -> Opened:
            asked, store = self._asked, await self._talk.archive.store()
            beginning = asyncio.ensure_future(store.begin(asked))
            try:
                begun = await asyncio.shield(beginning)
                self._learn(begun)
                keeper = Keeper(reader, self._keep)
                opened = await open_source(self._request(request, begun), keeper)
            except BaseException:  # also that its client has left: nothing has happened, so nothing is kept
                self._talk.later(_discard(store, asked, beginning))
                raise
            self._keeper, self._generation_id = keeper, opened.generation_id
            self._talk.leases.hold(asked.reply_id)
            if request.resume_window_s:
                self._talk.later(store.link(asked.reply_id, opened.generation_id))
            return opened

        return open_turn

    def _learn(self, begun: Begun) -> None:
        asked = self._asked
        self.dialect = Dialect(
            session_id=asked.session_id,
            message_id=asked.message_id,
            reply_id=asked.reply_id,
            model=self._talk.models.name(begun.agent.model),
            streaming=begun.session.streaming,
        )

    def _request(self, request: GenerationRequest, begun: Begun) -> GenerationRequest:
        agent = begun.agent
        sampling = {**agent.sampling, "stop": tuple(agent.sampling.get("stop") or ())}
        messages = history.fit(
            agent.system_prompt,
            begun.earlier,
            self._asked.text,
            context_tokens=self._talk.models.context_tokens(agent.model),
            max_tokens=sampling.get("max_tokens"),
        )
        return replace(request, model=agent.model, messages=messages, engine_options=agent.engine_options, **sampling)


class ResumedTurn(Turn):
    """A turn whose client comes back: to this edge, or from another that may have died.

    The generation is read twice: from where the client stands, for the client, and from its beginning, to be kept.

    Args:
        talk: What all turns share.
        owner: Whose it is.
        agent_id: Of the agent that answers.
    """

    def __init__(self, talk: Talk, owner: str, agent_id: str) -> None:
        super().__init__(talk)
        self._owner = owner
        self._agent_id = agent_id
        self._whole: Source | None = None

    def through(self, attach_source: AttachSource) -> AttachSource:
        """How to read its generation, given how to read any."""

        async def attach_turn(generation_id: str, index: int, request: GenerationRequest, reader: Reader) -> Opened:
            store = await self._talk.archive.store()
            known = await self._seek(store, generation_id)
            self.dialect = Dialect(
                session_id=known.session.id,
                message_id=known.message_id,
                reply_id=known.reply_id,
                model=self._talk.models.name(known.model),
                streaming=known.session.streaming,
            )
            self._generation_id = generation_id
            keeper = Keeper(Nobody(), self._keep)
            whole = await attach_source(generation_id, 0, request, keeper)
            try:
                opened = await attach_source(generation_id, index, request, Follower(reader, keeper))
            except BaseException:
                whole.source.leave()
                raise
            self._whole, self._keeper = whole.source, keeper
            self._talk.leases.hold(known.reply_id)
            return opened

        return attach_turn

    async def _seek(self, store: "Store", generation_id: str) -> Known:
        """The turn; for a moment it may not be noted yet, because its tokens did not wait for that."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SEEK_S
        while True:
            try:
                return await store.known(self._owner, self._agent_id, generation_id)
            except Refused as refused:
                if refused.failure.code is not Code.NOT_FOUND or loop.time() >= until:
                    raise
            await asyncio.sleep(SEEK_PERIOD_S)

    async def close(self, end: Failure | Event | None) -> None:
        """See above."""
        if self._whole:
            self._whole.leave()
        await super().close(end)


async def _discard(store: "Store", asked: Asked, beginning: "asyncio.Future[Begun]") -> None:
    """Forget a turn, if it was begun: which may still be under way."""
    await beginning
    await store.discard(asked)
