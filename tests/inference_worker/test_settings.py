import os
import re

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from inference_worker.engines import ENGINES
from inference_worker.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith("WORKER_"):
            monkeypatch.delenv(name)


def test_every_setting_has_a_default_and_says_what_it_is() -> None:
    assert Settings().engine == "llamacpp"
    assert all(field.description and field.description.endswith(".") for field in Settings.model_fields.values())


def test_a_workers_id_is_its_own() -> None:
    ids = {Settings().id for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"w[0-9a-f]{8}", id_) for id_ in ids)


@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        ("WORKER_PORT", "0", "port", 0),
        ("WORKER_ID", "w7", "id", "w7"),
        ("WORKER_ENGINE", "scripted", "engine", "scripted"),
        ("WORKER_HEARTBEAT_S", "0.5", "heartbeat_s", 0.5),
        ("WORKER_REFLECTION", "true", "reflection", True),
        ("WORKER_ENGINE_OPTIONS", "tokens=3, stamp = true,", "engine_options", {"tokens": "3", "stamp": "true"}),
        ("WORKER_ENGINE_OPTIONS", "a=b=c", "engine_options", {"a": "b=c"}),
        ("WORKER_ENGINE_OPTIONS", "", "engine_options", {}),
    ],
)
def test_a_setting_comes_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, attribute: str, expected: object
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(Settings(), attribute) == expected


def test_a_flag_goes_before_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_MAX_STREAMS", "5")
    monkeypatch.setenv("WORKER_ENGINE_OPTIONS", "tokens=1")
    settings = CliApp.run(Settings, cli_args=["--max-streams", "7", "--engine-options", "tokens=2,stamp=true"])
    assert settings.max_streams == 7
    assert settings.engine_options == {"tokens": "2", "stamp": "true"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "-1"),
        ("port", "65536"),
        ("port", "http"),
        ("id", "W1"),
        ("id", "w-1"),
        ("id", ""),
        ("id", "w" * 33),
        ("engine", "other"),
        ("slots", "0"),
        ("slots", "257"),
        ("threads", "-1"),
        ("context_tokens", "7"),
        ("engine_options", "tokens"),
        ("max_streams", "0"),
        ("max_log_chars", "0"),
        ("max_total_chars", "0"),
        ("max_resume_window_s", "-1"),
        ("tick_ms", "-1"),
        ("tick_ms", "1001"),
        ("heartbeat_s", "0"),
        ("heartbeat_s", "nan"),
        ("drain_timeout_s", "-1"),
        ("drain_timeout_s", "inf"),
        ("max_message_bytes", "1023"),
        ("reflection", "perhaps"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"WORKER_{name.upper()}", value)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert [item["loc"] for item in error.value.errors()] == [(name,)]


def test_a_wrong_engine_is_told_what_engines_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_ENGINE", "other")
    with pytest.raises(ValidationError, match=", ".join(ENGINES)):
        Settings()
