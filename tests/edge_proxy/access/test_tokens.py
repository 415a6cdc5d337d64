"""Tokens of an issuer whose keys are served over HTTP on this machine."""

import asyncio
import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from edge_proxy.access import tokens
from edge_proxy.access.tokens import COOLDOWN_S, LIFESPAN_S, Tokens
from edge_proxy.core.caller import Caller, Limits
from edge_proxy.core.errors import Code, Refused

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER, AUDIENCE = "https://id.example", "relay"
SECRET = b"a secret that both sides know, and that is long enough for HS256"


def jwks(*kids: str) -> bytes:
    """The issuer's keys, as it publishes them; a symmetric one among them, by mistake."""
    rsa_key = RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "rsa", "alg": "RS256", "use": "sig"}
    ec_key = ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": "ec", "alg": "ES256"}
    secret = base64.urlsafe_b64encode(SECRET).rstrip(b"=").decode()
    oct_key = {"kty": "oct", "k": secret, "kid": "oct", "alg": "HS256"}
    return json.dumps({"keys": [key for key in (rsa_key, ec_key, oct_key) if key["kid"] in kids]}).encode()


class Issuer:
    """Serves keys, and counts how often."""

    def __init__(self) -> None:
        self.fetches = 0
        self.body: bytes | None = jwks("rsa", "ec", "oct")  # None: it fails
        self.may_answer = threading.Event()
        self.may_answer.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                issuer.may_answer.wait(5)
                self.send_response(500 if issuer.body is None else 200)
                self.end_headers()
                self.wfile.write(issuer.body or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


class Bench:
    """Tokens, before a clock that the test turns."""

    def __init__(self, issuer: Issuer) -> None:
        self.now = 1000.0
        limits = Limits(streams=4)
        self.tokens = Tokens(issuer=ISSUER, audience=AUDIENCE, jwks_url=issuer.url, limits=limits, now=lambda: self.now)


def claims(**changes: Any) -> dict[str, Any]:
    all_of_them = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 7200} | changes
    return {name: value for name, value in all_of_them.items() if value is not None}


def signed(key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} if kid else None)


def parts(header: object, payload: object, signature: str = "AAAA") -> str:
    """A token put together by hand."""
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, payload)]
    return ".".join([*encoded, signature])


def signed_as_it_is(payload: object) -> str:
    """With a good signature, whatever it says."""
    return jwt.api_jws.encode(json.dumps(payload).encode(), RSA_KEY, "RS256", headers={"kid": "rsa"})


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec")])
async def test_a_token_says_who_asks_and_until_when(issuer: Issuer, key: Any, algorithm: str, kid: str) -> None:
    expires = int(time.time()) + 100
    caller = await Bench(issuer).tokens.find(signed(key, algorithm, kid, exp=expires))
    assert caller == Caller(
        key_id="jwt:alice", owner="jwt:alice", limits=Limits(streams=4), expires_unix_s=expires + tokens.LEEWAY_S
    )


@pytest.mark.parametrize("audience", [AUDIENCE, ["other", AUDIENCE]])
async def test_one_of_several_audiences_is_enough(issuer: Issuer, audience: Any) -> None:
    assert await Bench(issuer).tokens.find(signed(aud=audience))


WRONG = {
    "expired": signed(exp=int(time.time()) - 60),
    "not yet": signed(nbf=int(time.time()) + 7200),
    "of another issuer": signed(iss="https://evil.example"),
    "for another audience": signed(aud="other"),
    "without an audience": signed(aud=None),
    "that never expires": signed(exp=None),
    "without a subject": signed(sub=None),
    "with an empty subject": signed(sub=""),
    "whose subject is two lines": signed(sub="alice\nbob"),
    "whose subject is long": signed(sub="a" * 256),
    "whose subject is no text": signed_as_it_is(claims(sub=7)),
    "signed by another key": signed(FOREIGN_KEY),
    "signed by the other key of the issuer": signed(EC_KEY, "ES256", "rsa"),
    "without a key's name": signed(kid=None),
    "by a key that nobody has": signed(kid="unknown"),
    "with a secret": signed(SECRET, "HS256", "oct"),
    "unsigned": parts({"alg": "none", "kid": "rsa"}, claims(), ""),
    "whose key's name is no text": parts({"alg": "RS256", "kid": {"a": 1}}, claims()),
    "whose expiry is endless": signed_as_it_is(claims(exp=float("inf"))),
    "whose expiry is no number": signed_as_it_is(claims(exp="soon")),
    "that is a list": signed_as_it_is(["alice"]),
    "whose header nests deeply": f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.AAAA.AAAA",
    "of rubbish": "a.b.c",
    "of nothing": "..",
    "of other letters": "é.é.é",
}


@pytest.mark.parametrize("why", WRONG)
async def test_a_token_is_nobodys(issuer: Issuer, why: str) -> None:
    assert await Bench(issuer).tokens.find(WRONG[why]) is None


async def test_a_public_key_can_not_be_used_as_a_secret(issuer: Issuer) -> None:
    """The classic: the header says HS256, and the secret is the public key, which everybody knows."""
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = parts({"alg": "HS256", "kid": "rsa"}, claims(), "").rstrip(".")
    digest = hmac.digest(pem, unsigned.encode(), "sha256")
    token = f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    assert await Bench(issuer).tokens.find(token) is None


async def test_keys_are_fetched_once_for_many_who_come_at_once(issuer: Issuer) -> None:
    bench = Bench(issuer)
    callers = await asyncio.gather(*(bench.tokens.find(signed()) for _ in range(20)))
    assert all(callers)
    assert issuer.fetches == 1


async def test_while_keys_are_fetched_the_loop_goes_on(issuer: Issuer) -> None:
    issuer.may_answer.clear()
    finding = asyncio.create_task(Bench(issuer).tokens.find(signed()))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not finding.done()
    issuer.may_answer.set()
    assert await finding


async def test_names_of_keys_that_nobody_has_do_not_make_it_fetch_again_and_again(issuer: Issuer) -> None:
    bench = Bench(issuer)
    for number in range(20):
        assert await bench.tokens.find(signed(kid=f"unknown-{number}")) is None
    assert issuer.fetches == 1


async def test_a_key_that_is_new_is_found_after_a_moment(issuer: Issuer) -> None:
    bench = Bench(issuer)
    issuer.body = jwks("ec")
    assert await bench.tokens.find(signed()) is None
    issuer.body = jwks("ec", "rsa")
    bench.now += COOLDOWN_S
    assert await bench.tokens.find(signed())


async def test_a_key_that_the_issuer_takes_back_is_forgotten_in_minutes(issuer: Issuer) -> None:
    bench = Bench(issuer)
    assert await bench.tokens.find(signed())
    issuer.body = jwks("ec")
    bench.now += LIFESPAN_S
    await bench.tokens.find(signed())
    assert bench.tokens._renewing
    await bench.tokens._renewing
    assert await bench.tokens.find(signed()) is None


@pytest.mark.parametrize("body", [None, b"no JSON", b"[]", b'{"keys": []}'])
async def test_an_issuer_that_fails_leaves_its_earlier_keys(issuer: Issuer, body: bytes | None) -> None:
    bench = Bench(issuer)
    assert await bench.tokens.find(signed())
    issuer.body = body
    bench.now += LIFESPAN_S
    assert await bench.tokens.find(signed())
    assert bench.tokens._renewing
    await bench.tokens._renewing
    assert await bench.tokens.find(signed())


async def test_without_any_keys_tokens_can_not_be_checked_and_it_is_tried_again(issuer: Issuer) -> None:
    bench = Bench(issuer)
    issuer.body = None
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            await bench.tokens.find(signed())
        assert caught.value.failure.code is Code.SERVER_BUSY
    assert issuer.fetches == 1
    issuer.body = jwks("rsa")
    bench.now += COOLDOWN_S
    assert await bench.tokens.find(signed())
