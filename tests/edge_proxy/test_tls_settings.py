from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_proxy.settings import Settings
from tests.support.certificates import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "ours")


def refusal(**given: object) -> str:
    """What is said of settings, all of one field."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)
    (error,) = caught.value.errors()
    return f"{error['loc'][0]}: {error['msg']}"


def test_settings_want_all_files_or_none(folder: Folder) -> None:
    cert, key = folder.pair("edge")
    https = "tls_key: Value error, EDGE_TLS_CERT and EDGE_TLS_KEY are given together, or neither"
    assert refusal(tls_cert=cert) == refusal(tls_key=key) == https
    workers = (
        "worker_tls_key: Value error, EDGE_WORKER_TLS_CA, ..._CERT and ..._KEY are given together, or none of them"
    )
    assert refusal(worker_tls_ca=folder.ca) == refusal(worker_tls_cert=cert, worker_tls_key=key) == workers
    assert Settings(tls_cert=cert, tls_key=key, worker_tls_ca=folder.ca, worker_tls_cert=cert, worker_tls_key=key)


def test_settings_want_files_that_are_right(folder: Folder) -> None:
    cert, key = folder.pair("edge")
    other = folder.pair("worker")[1]
    assert refusal(tls_cert="/nowhere.pem") == "tls_cert: Path does not point to a file"
    assert "KEY_VALUES_MISMATCH" in refusal(tls_cert=cert, tls_key=other)
    assert "KEY_VALUES_MISMATCH" in refusal(worker_tls_ca=folder.ca, worker_tls_cert=cert, worker_tls_key=other)
    assert "has no certificates" in refusal(worker_tls_ca=key, worker_tls_cert=cert, worker_tls_key=key)
