import asyncio
import os
import ssl
from pathlib import Path

import pytest

from edge_proxy.tls import Renewing, check_authority, load
from tests.support.certificates import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "ours")


async def handshake(server: ssl.SSLContext, ca: Path) -> tuple[bytes, str | None]:
    """The certificate that a client gets to see, and the version that is spoken."""
    client = ssl.create_default_context(cafile=ca)
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        seen = writer.get_extra_info("ssl_object")
        writer.close()
        return seen.getpeercert(binary_form=True), seen.version()


def on_disk(cert: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(cert.read_text())


async def test_a_client_sees_the_certificate_by_a_version_of_today(folder: Folder) -> None:
    cert, key = folder.pair("edge")
    assert await handshake(load(cert, key), folder.ca) == (on_disk(cert), "TLSv1.3")
    assert load(cert, key).minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_connection_gets_what_the_files_have_when_it_comes(folder: Folder) -> None:
    cert, key = folder.pair("edge")
    renewing = Renewing(cert, key)
    before = on_disk(cert)
    assert (await handshake(renewing.context, folder.ca))[0] == before
    folder.issue("edge", ["edge-proxy", "127.0.0.1"])
    os.utime(cert, ns=(1, 1))
    assert (await handshake(renewing.context, folder.ca))[0] == on_disk(cert) != before


@pytest.mark.parametrize("spoiled", ["cert", "key"])
async def test_what_can_not_be_used_changes_nothing(
    spoiled: str, folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = folder.pair("edge")
    renewing, before = Renewing(cert, key), on_disk(cert)
    (cert if spoiled == "cert" else key).write_text("half a")
    for _ in range(2):
        assert (await handshake(renewing.context, folder.ca))[0] == before
    (cert if spoiled == "cert" else key).unlink()
    assert (await handshake(renewing.context, folder.ca))[0] == before
    assert sum("is not taken anew" in message for message in caplog.messages) == 2, "said once for each state"


def test_files_that_do_not_belong_together_are_named(folder: Folder) -> None:
    cert, _ = folder.pair("edge")
    _, key = folder.pair("worker")
    with pytest.raises(ValueError, match=rf"{cert} and {key} are no certificate and its key \(KEY_VALUES_MISMATCH\)"):
        load(cert, key)
    with pytest.raises(ValueError, match="has no certificates"):
        check_authority(key)
