from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from edge_proxy.settings import Settings
from tests.support.certificates import Folder


def wrong_field(**given: object) -> str:
    """The setting that is refused."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)
    (error,) = caught.value.errors()
    return str(error["loc"][0])


def test_defaults_are_these() -> None:
    assert Settings().model_dump() == {
        "host": "127.0.0.1",
        "port": 8080,
        "tls_cert": None,
        "tls_key": None,
        "docs": None,
        "processes": 1,
        "workers": ["127.0.0.1:50051"],
        "resolve_interval_s": 5,
        "batch_interval_ms": 50,
        "max_batch_stretch": 3,
        "ping_interval_s": 15,
        "generation_timeout_s": 120,
        "max_generation_timeout_s": 600,
        "resume_window_s": 30,
        "max_streams": 5000,
        "max_lag_ms": 250,
        "max_socket_streams": 64,
        "max_body_bytes": 1_048_576,
        "max_connections": 0,
        "head_timeout_s": 10,
        "body_timeout_s": 10,
        "slow_reader_timeout_s": 20,
        "cors_origins": [],
        "worker_tls_ca": None,
        "worker_tls_cert": None,
        "worker_tls_key": None,
        "worker_tls_name": "inference-worker",
        "worker_connect_timeout_s": 2,
        "first_token_timeout_s": 60,
        "gap_timeout_s": 30,
        "worker_silence_timeout_s": 12,
        "worker_answer_timeout_s": 10,
        "drain_settle_s": 0,
        "drain_timeout_s": 20,
        "stop_timeout_s": 2,
    }


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_in_a_sentence(name: str) -> None:
    assert (Settings.model_fields[name].description or "").endswith(".")


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = Folder(tmp_path)
    (cert, key), ca = files.pair("edge"), files.ca
    given_files = {
        "tls_cert": cert,
        "tls_key": key,
        "worker_tls_ca": ca,
        "worker_tls_cert": cert,
        "worker_tls_key": key,
    }
    for name, value in Settings().model_dump().items():
        if value is None:
            monkeypatch.setenv(f"EDGE_{name.upper()}", str(given_files.get(name, "true")))
            continue
        given = "h:1" if isinstance(value, list) else "other" if isinstance(value, str) else str(int(value) + 1)
        monkeypatch.setenv(f"EDGE_{name.upper()}", given)
    changed = Settings().model_dump()
    monkeypatch.undo()
    assert all(changed[name] != value for name, value in Settings().model_dump().items())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a:1", ["a:1"]),
        (" a:1 , b:2,", ["a:1", "b:2"]),
        ("10.0.0.1:50051,worker.internal:50051", ["10.0.0.1:50051", "worker.internal:50051"]),
        ("[::1]:50051", ["[::1]:50051"]),
    ],
)
def test_workers_are_separated_by_commas(given: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_WORKERS", given)
    assert Settings().workers == expected


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_CORS_ORIGINS", "https://a.example, http://localhost:3000")
    assert Settings().cors_origins == ["https://a.example", "http://localhost:3000"]


def test_flags_have_dashes_and_go_before_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_BATCH_INTERVAL_MS", "10")
    monkeypatch.setenv("EDGE_MAX_STREAMS", "7")
    settings = CliApp.run(Settings, cli_args=["--batch-interval-ms", "20", "--workers", "a:1,b:2"])
    assert (settings.batch_interval_ms, settings.max_streams, settings.workers) == (20, 7, ["a:1", "b:2"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", -1),
        ("port", 65_536),
        ("port", "http"),
        ("batch_interval_ms", -1),
        ("batch_interval_ms", 1001),
        ("batch_interval_ms", "nan"),
        ("ping_interval_s", 0),
        ("ping_interval_s", "nan"),
        ("generation_timeout_s", 0),
        ("max_generation_timeout_s", 0),
        ("resume_window_s", -1),
        ("max_streams", 0),
        ("max_lag_ms", 0),
        ("max_body_bytes", 100),
        ("worker_connect_timeout_s", 0),
        ("worker_silence_timeout_s", 0),
        ("worker_answer_timeout_s", 0),
        ("resolve_interval_s", 0),
        ("drain_settle_s", -1),
        ("drain_settle_s", "inf"),
        ("drain_timeout_s", -1),
        ("stop_timeout_s", -1),
        ("workers", ""),
        ("workers", "localhost"),
        ("workers", "a:1,b:http"),
        ("workers", "http://a"),
        pytest.param("workers", "50051"),
        pytest.param("workers", ":50051"),
        pytest.param("workers", "a:99999"),
        pytest.param("ping_interval_s", "inf"),
        pytest.param("generation_timeout_s", "inf"),
        pytest.param("resume_window_s", "inf"),
    ],
)
def test_what_can_not_be_is_refused(name: str, value: object) -> None:
    assert wrong_field(**{name: value}) == name
