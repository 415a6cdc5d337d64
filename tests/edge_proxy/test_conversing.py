from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_proxy.conversations.patience import Unusable
from edge_proxy.conversing import Conversing
from edge_proxy.core.request import Model
from edge_proxy.settings import Settings


class Serving:
    models: Sequence[Model] = (Model("tiny", "llamacpp"), Model("big", "openai"))

    def context_tokens(self, model: str) -> int:
        return 512


async def test_the_default_model_is_told_by_its_name() -> None:
    models = Conversing(Settings(), Serving()).talk.models
    assert (models.name(""), models.name("big"), models.context_tokens("")) == ("tiny", "big", 512)
    nobody = Serving()
    nobody.models = ()
    assert Conversing(Settings(), nobody).talk.models.name("") == ""


async def test_a_database_that_is_none_is_found_out_before_anything_is_served(tmp_path: Path) -> None:
    (tmp_path / "relay.db").write_bytes(b"nonsense" * 999)
    conversing = Conversing(Settings(database_url=f"sqlite:///{tmp_path}/relay.db"), Serving())
    with pytest.raises(Unusable, match="file is not a database"):
        await conversing.prepare()
    assert not conversing.troubled
    await conversing.stop()
