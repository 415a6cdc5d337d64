import json

from edge_proxy.core.errors import Code
from edge_proxy.core.status import KEPT_ERRORS, Recent, Status, Timing, Trouble, WorkerStatus

UNKNOWN = Timing()


def worker(state: str) -> WorkerStatus:
    return WorkerStatus(
        address="a:1",
        id="w1",
        state=state,  # type: ignore[arg-type]  # a test's parameter
        running=3,
        places=8,
        streams=2,
        models=("tiny",),
    )


def status(*states: str, draining: bool = False, timing: Timing = UNKNOWN) -> Status:
    return Status(
        unix_s=1_790_000_000.12345,
        up_s=12.34,
        draining=draining,
        streams=2,
        most_streams=5000,
        lag_s=0.0012,
        busy=0.256,
        timing=timing,
        workers=[worker(state) for state in states],
        troubles=[Trouble(Code.WORKER_LOST, 1_789_999_999.5)],
    )


def test_what_is_said_has_the_units_of_others() -> None:
    said = status("connected", timing=Timing(0.1234, 0.05)).as_json()
    assert said == {
        "status": "ready",
        "time": 1_790_000_000.123,
        "upSeconds": 12.3,
        "streams": {"open": 2, "most": 5000},
        "firstTextMs": 123.4,
        "gapMs": 50.0,
        "lagMs": 1.2,
        "busyPercent": 25.6,
        "workers": [
            {
                "address": "a:1",
                "id": "w1",
                "state": "connected",
                "running": 3,
                "places": 8,
                "streams": 2,
                "models": ("tiny",),
            }
        ],
        "errors": [{"code": "WORKER_LOST", "message": "The worker went away.", "at": 1_789_999_999.5}],
    }
    assert json.loads(json.dumps(said))["workers"][0]["models"] == ["tiny"]


def test_it_is_ready_if_any_worker_takes_streams_and_it_does_not_go_away() -> None:
    assert status("lost", "set aside").as_json()["status"] == "ready"
    assert status("lost", "draining").as_json()["status"] == "no worker"
    assert status().as_json()["status"] == "no worker"
    assert status("connected", draining=True).as_json()["status"] == "draining"


def test_what_is_not_measured_is_null() -> None:
    said = status().as_json()
    assert (said["firstTextMs"], said["gapMs"]) == (None, None)


def test_the_last_failures_are_kept_newest_first() -> None:
    recent = Recent()
    for second in range(KEPT_ERRORS + 5):
        recent.note(Code.WORKER_LOST, unix_s=float(second))
    kept = recent.newest_first
    assert len(kept) == KEPT_ERRORS
    assert [trouble.at_unix_s for trouble in kept[:2]] == [KEPT_ERRORS + 4.0, KEPT_ERRORS + 3.0]


def test_clients_mistakes_and_stops_are_passed_over() -> None:
    recent = Recent()
    for code in (Code.INVALID_REQUEST, Code.NOT_FOUND, Code.UNAUTHENTICATED, Code.CANCELLED, Code.ENDED):
        recent.note(code, unix_s=1.0)
    assert recent.newest_first == []
    recent.note(Code.OVERLOADED, unix_s=2.0)
    assert recent.newest_first == [Trouble(Code.OVERLOADED, 2.0)]
