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
        "metrics_host": "127.0.0.1",
        "metrics_port": 9464,
        "log_format": "text",
        "log_streams": True,
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
        "key_requests_per_minute": 0,
        "key_tokens_per_minute": 0,
        "key_tokens_per_day": 0,
        "key_streams": 0,
        "redis_url": "",
        "database_url": "sqlite:///token-relay.db",
        "database_timeout_s": 1,
        "redis_timeout_ms": 100,
        "max_socket_streams": 64,
        "max_body_bytes": 1_048_576,
        "api_keys": "",
        "api_keys_file": None,
        "jwt_issuer": "",
        "jwt_audience": "",
        "jwks_url": "",
        "jwt_limits": {},
        "auth_cookie": "",
        "allow_anonymous": False,
        "max_connections": 0,
        "head_timeout_s": 10,
        "body_timeout_s": 10,
        "slow_reader_timeout_s": 20,
        "cors_origins": [],
        "worker_tls_ca": None,
        "worker_tls_cert": None,
        "worker_tls_key": None,
        "worker_tls_name": "inference-worker",
        "cors_credentials": False,
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
    (tmp_path / "keys").touch()
    files = Folder(tmp_path / "certs")
    (cert, key), ca = files.pair("edge"), files.ca
    special = {
        "tls_cert": str(cert),
        "tls_key": str(key),
        "worker_tls_ca": str(ca),
        "worker_tls_cert": str(cert),
        "worker_tls_key": str(key),
        "docs": "true",
        "api_keys": "# none",
        "api_keys_file": str(tmp_path / "keys"),
        "jwks_url": "https://id.example/keys",
        "jwt_limits": "streams=4",
        "cors_origins": "https://app.example",
        "redis_url": "unix://x",
        "database_url": "postgresql://db/relay",
        "log_format": "json",
    }
    for name, value in Settings().model_dump().items():
        if name in special:
            given = special[name]
        elif isinstance(value, bool):
            given = str(not value)
        else:
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


def complaint(**given: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "", "edge.example", "localhost.example"])  # noqa: S104 - refused
def test_without_keys_it_does_not_listen_where_others_can_reach_it(host: str) -> None:
    message = complaint(host=host)
    assert "EDGE_API_KEYS_FILE" in message
    assert "EDGE_ALLOW_ANONYMOUS" in message
    assert Settings(host=host, allow_anonymous=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_without_keys_it_listens_on_loopback(host: str) -> None:
    assert not Settings(host=host).asks_for_keys


def test_with_keys_it_listens_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.touch()
    assert Settings(host="::", api_keys_file=file).asks_for_keys, "a file without a key lets nobody in, not everybody"


def test_keys_that_can_not_be_read_stop_the_start_and_are_not_shown(tmp_path: Path) -> None:
    assert "line 1" in complaint(api_keys="tr_secret")
    assert "tr_secret" not in complaint(api_keys="tr_secret")
    assert "No such file" in complaint(api_keys_file=str(tmp_path / "missing"))


ISSUER = {"jwt_issuer": "https://id.example", "jwt_audience": "relay", "jwks_url": "https://id.example/keys"}


@pytest.mark.parametrize("missing", ISSUER)
def test_an_issuer_needs_its_audience_and_its_keys(missing: str) -> None:
    assert Settings.model_validate(ISSUER).asks_for_keys
    assert missing.upper() in complaint(**{name: value for name, value in ISSUER.items() if name != missing})


@pytest.mark.parametrize(
    "url", ["http://id.example/keys", "file:///etc/keys", "http://127.0.0.1.evil.example/", "ftp://x"]
)
def test_an_issuers_keys_come_by_a_way_that_nobody_else_writes_on(url: str) -> None:
    assert wrong_field(**ISSUER | {"jwks_url": url}) == "jwks_url"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/keys", "http://localhost/keys", "http://[::1]:9", "https://x/k"])
def test_this_machines_own_keys_may_come_in_the_clear(url: str) -> None:
    assert Settings.model_validate(ISSUER | {"jwks_url": url}).jwks_url == url


def test_an_issuer_without_pyjwt_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "token-relay[jwt]" in complaint(**ISSUER)


@pytest.mark.parametrize("limits", ["streams", "streams=many", "streams=-1", "cats=4", "streams=1.5"])
def test_limits_of_tokens_are_those_of_keys(limits: str) -> None:
    assert Settings.model_validate({"jwt_limits": "streams=4, tokens_per_day=9"}).jwt_limits == {
        "streams": 4,
        "tokens_per_day": 9,
    }
    assert wrong_field(jwt_limits=limits) == "jwt_limits"


@pytest.mark.parametrize("given", [{"cors_credentials": True}, {"auth_cookie": "relay"}])
def test_pages_of_any_origin_may_not_act_for_who_is_logged_in(given: dict[str, object]) -> None:
    assert "EDGE_CORS_ORIGINS" in complaint(cors_origins="https://app.example,*", **given)
    assert Settings.model_validate({"cors_origins": "https://app.example"} | given).cors_origins


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "app.example",
        "https://app.example/",
        "https://*.example",
        "HTTPS://app.example",
        "https://app.example:x",
        "file://",
    ],
)
def test_what_is_no_origin_allows_none(origin: str) -> None:
    assert wrong_field(cors_origins=origin) == "cors_origins"
