import pytest

from edge_proxy.core.origin import may_connect

LISTED = ["https://app.example", "http://localhost:3000", "chrome-extension://abc"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        pytest.param(None, "edge.example", id="no browser"),
        pytest.param("http://edge.example", "edge.example", id="the same host"),
        pytest.param("http://edge.example:80", "edge.example", id="the default port, written by the page"),
        pytest.param("http://edge.example", "edge.example:80", id="the default port, written in Host"),
        pytest.param("https://edge.example", "edge.example", id="behind who ends TLS"),
        pytest.param("https://edge.example", "edge.example:443", id="the same, with its port"),
        pytest.param("http://127.0.0.1:8080", "127.0.0.1:8080", id="an address and a port"),
        pytest.param("http://[::1]:8080", "[::1]:8080", id="an IPv6 address"),
        pytest.param("HTTP://Edge.Example", "eDGE.example", id="in other letters"),
        pytest.param("https://app.example", "edge.example", id="listed"),
        pytest.param("http://localhost:3000", "localhost:8080", id="listed, with a port"),
        pytest.param("chrome-extension://abc", "edge.example", id="listed, of another scheme"),
    ],
)
def test_these_may_connect(origin: str | None, host: str) -> None:
    assert may_connect(origin, host=host, listed=LISTED)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        pytest.param("https://evil.example", "edge.example", id="another host"),
        pytest.param("https://app.example.evil.example", "edge.example", id="begins as a listed one"),
        pytest.param("https://evil-app.example", "edge.example", id="ends as a listed one"),
        pytest.param("http://app.example", "edge.example", id="listed with another scheme"),
        pytest.param("https://app.example:8443", "edge.example", id="listed with another port"),
        pytest.param("http://edge.example:3000", "edge.example", id="another port"),
        pytest.param("http://edge.example", "edge.example:8080", id="another port in Host"),
        pytest.param("https://edge.example", "edge.example:80", id="the default port of another scheme"),
        pytest.param("null", "edge.example", id="null"),
        pytest.param("null", "null", id="null at null"),
        pytest.param("", "edge.example", id="empty"),
        pytest.param("", "", id="both empty"),
        pytest.param("http://", "", id="no host in either"),
        pytest.param("file://edge.example", "edge.example", id="another scheme"),
        pytest.param("http://user@edge.example", "edge.example", id="with a user"),
        pytest.param("http://edge.example/", "edge.example", id="with a path"),
        pytest.param("http://edge.example/", "edge.example/", id="with a path in both"),
        pytest.param("http://edge.example, http://edge.example", "edge.example", id="two"),
        pytest.param("https://app.example, https://app.example", "edge.example", id="two that are listed"),
        pytest.param("http://edge.example\n", "edge.example", id="with a line break"),
        pytest.param("http://edge.example:x", "edge.example:x", id="a port that is none"),
    ],
)
def test_these_may_not(origin: str, host: str) -> None:
    assert not may_connect(origin, host=host, listed=LISTED)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://"])
def test_any_page_may_where_all_are_listed(origin: str) -> None:
    assert may_connect(origin, host="edge.example", listed=["*"])
