"""What is said of workers, over real gRPC."""

from edge_proxy.core.breaker import LIMIT
from edge_proxy.core.status import WorkerStatus
from edge_proxy.upstream.workers import Workers
from protos import inference_pb2 as pb
from tests.edge_proxy.upstream.readers import NotingReader, eventually
from tests.edge_proxy.upstream.scripted_worker import ScriptedWorker
from tests.edge_proxy.upstream.test_workers import REQUEST, connected


def only(workers: Workers) -> WorkerStatus:
    [worker] = workers.report
    return worker


async def test_a_worker_has_its_address_its_load_and_its_models() -> None:
    script = ScriptedWorker("one", models=("tiny", "large"), max_streams=4)
    async with connected(script) as workers:
        await workers.open(REQUEST, NotingReader())
        script.send(pb.WorkerFrame(load=pb.Load(running=3, max_streams=4)))
        await eventually(lambda: only(workers).running == 3)
        worker = only(workers)
        assert worker.address.startswith("127.0.0.1:")
        assert (worker.id, worker.state, worker.places, worker.streams) == ("one", "connected", 4, 1)
        assert worker.models == ("tiny", "large")


async def test_a_worker_that_takes_nothing_new_is_draining() -> None:
    script = ScriptedWorker("one")
    async with connected(script) as workers:
        script.send(pb.WorkerFrame(load=pb.Load(running=1, max_streams=10, draining=True)))
        await eventually(lambda: only(workers).state == "draining")
        assert only(workers).running == 1


async def test_a_worker_that_fails_too_often_is_set_aside() -> None:
    async with connected(ScriptedWorker("one")) as workers:
        [link] = workers._links
        assert link.standing.breaker.failed(0.0, jitter=0.0, weight=LIMIT)
        assert only(workers).state == "set aside"


async def test_a_worker_that_is_lost_has_nothing_but_its_address() -> None:
    script = ScriptedWorker("one")
    async with connected(script) as workers:
        script.send(pb.WorkerFrame(load=pb.Load(running=5, max_streams=10)))
        await eventually(lambda: only(workers).running == 5)
        script.greets = False
        script.hang_up()
        await eventually(lambda: only(workers).state == "lost")
        worker = only(workers)
        assert (worker.id, worker.running, worker.places, worker.models) == ("", 0, 0, ())
