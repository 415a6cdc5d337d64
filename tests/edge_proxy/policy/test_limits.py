import subprocess
import sys

from edge_proxy.core.caller import Limits
from edge_proxy.core.request import GenerationRequest
from edge_proxy.policy.limits import KeyLimits
from tests.support.redis_server import redis_server

ASKED = [GenerationRequest(prompt="x")]


async def test_without_a_server_this_process_counts_for_itself() -> None:
    limits = KeyLimits(Limits(requests_per_minute=5))
    limits.start()
    claim = limits.claim(ASKED, None)
    assert claim
    await claim.grant()
    assert [left.remaining for left in claim.standing] == [4]
    await limits.stop()


async def test_with_a_server_all_count_together() -> None:
    with redis_server() as server:
        pair = [KeyLimits(Limits(requests_per_minute=5), server.url) for _ in range(2)]
        for limits, remaining in zip(pair, (4, 3), strict=True):
            limits.start()
            claim = limits.claim(ASKED, None)
            assert claim
            await claim.grant()
            assert [left.remaining for left in claim.standing] == [remaining]
            assert not limits.away
        for limits in pair:
            await limits.stop()


async def test_it_says_that_the_server_is_away() -> None:
    with redis_server() as server:
        limits = KeyLimits(Limits(requests_per_minute=5), server.url)
        limits.start()
        server.kill()
        claim = limits.claim(ASKED, None)
        assert claim
        await claim.grant()
        assert limits.away
        await limits.stop()


def test_who_shares_nothing_loads_no_library_for_it() -> None:
    code = "import sys, edge_proxy.app; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
