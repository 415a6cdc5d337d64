"""Conversations, put together from the settings: the database, and the routes that use it."""

from collections.abc import Sequence
from typing import Protocol

from fastapi import FastAPI

from edge_proxy.conversations.agent_routes import add_agent_routes
from edge_proxy.conversations.archive import Archive
from edge_proxy.conversations.chat_routes import add_chat_routes
from edge_proxy.conversations.patience import Limits
from edge_proxy.conversations.session_routes import add_session_routes
from edge_proxy.conversations.talk import Models, Talk
from edge_proxy.core.request import Model
from edge_proxy.downstream.streams import Streams
from edge_proxy.settings import Settings


class Serving(Protocol):
    """What serves models: the workers."""

    @property
    def models(self) -> Sequence[Model]:
        """Each once, the default one first."""

    def context_tokens(self, model: str) -> int:
        """Of prompt and answer together; 0: not known."""


class Conversing:
    """Conversations of one edge process.

    Args:
        settings: The edge's.
        workers: What serves the models.
    """

    def __init__(self, settings: Settings, workers: Serving) -> None:
        self._settings = settings
        limits = Limits(ask_s=settings.database_timeout_s)
        archive = Archive(settings.database_url, limits, given=settings.database_given)

        def name(model: str) -> str:
            return model or next((each.name for each in workers.models), "")

        self.talk = Talk(archive, Models(name=name, context_tokens=workers.context_tokens))

    async def prepare(self) -> None:
        """Open the database, if it is to be there from the start.

        Raises:
            Unusable: Only a person can help.
        """
        await self.talk.archive.start()

    @property
    def troubled(self) -> bool:
        """The database is open, and does not do what it is asked."""
        return self.talk.archive.troubled

    def add_routes(self, app: FastAPI, streams: Streams) -> None:
        """Have the app answer for agents, sessions and turns."""
        max_body_bytes = self._settings.max_body_bytes
        add_agent_routes(app, self.talk.archive, max_body_bytes=max_body_bytes)
        add_session_routes(app, self.talk.archive, max_body_bytes=max_body_bytes)
        add_chat_routes(
            app, streams, self.talk, max_body_bytes=max_body_bytes, resume_window_s=self._settings.resume_window_s
        )

    async def stop(self) -> None:
        """Let the last replies be kept, and close the database."""
        await self.talk.stop()
