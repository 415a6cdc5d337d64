from pathlib import Path

import pytest
from pydantic import ValidationError

from inference_worker.settings import Settings
from inference_worker.tls import Files, Renewing, check
from tests.support.certificates import Folder

# Who gets in, and that certificates are taken anew, is shown with real processes in tests/end_to_end/test_tls.py.


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "ours")


def refusal(**given: object) -> str:
    """What is said of settings, all of one field."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)
    return "; ".join(f"{error['loc'][0]}: {error['msg']}" for error in caught.value.errors())


def test_files_that_do_not_belong_together_are_named(folder: Folder) -> None:
    cert, key = folder.pair("worker")
    with pytest.raises(ValueError, match=f"{cert} and .* are no certificate and its key"):
        check(Files(cert, folder.pair("edge")[1], folder.ca))
    with pytest.raises(ValueError, match=f"{key} has no certificates"):
        Renewing(Files(cert, key, key))
    with pytest.raises(OSError, match="No such file"):
        Renewing(Files(cert, key, folder.ca.with_name("nowhere.pem")))
    check(Files(cert, key, folder.ca))


def test_settings_want_all_three_files_or_none(folder: Folder) -> None:
    cert, key = folder.pair("worker")
    together = (
        "tls_ca: Value error, WORKER_TLS_CERT, WORKER_TLS_KEY and WORKER_TLS_CA are given together, or none of them"
    )
    assert refusal(tls_cert=cert, tls_key=key) == refusal(tls_ca=folder.ca) == refusal(tls_cert=cert) == together
    assert "tls_cert: Path does not point to a file" in refusal(tls_cert="/nowhere", tls_key=key, tls_ca=folder.ca)
    assert Settings().tls is None
    assert Settings(tls_cert=cert, tls_key=key, tls_ca=folder.ca).tls == Files(cert, key, folder.ca)
