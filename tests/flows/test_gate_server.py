"""The gate under a real server and worker: suspended with its form, answered there or on the command line."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled

from tests.flows.walk import DAY, KEYS, ROOT, SITE, Place, calprod

CAMPAIGN = f"LATISS/calprod/nightly/{DAY}a"
GOOD = {
    "decision": "approve",
    "reviewer": "vera",
    "calibrations": [],
    "begin_day_obs": DAY,
    "end_day_obs": None,
    "accepted_failures": "few pixels",
    "reason": None,
}


@dataclass(frozen=True)
class Service:
    """A server with calprod's deployments and a worker that serves them."""

    url: str
    home: Path

    def client(self) -> SyncPrefectClient:
        return get_client(sync_client=True)

    def start(self, deployment: str, **parameters: object) -> UUID:
        """Start a run of a deployment, as its form in Prefect's pages does."""
        with self.client() as client:
            found = client.read_deployment_by_name(f"{deployment}/{deployment}")
            return client.create_flow_run_from_deployment(found.id, parameters={"parameters": parameters}).id

    def runs_of(self, place: Place) -> list[FlowRun]:
        with self.client() as client:
            return [
                run
                for run in client.read_flow_runs()
                if run.parameters.get("parameters", {}).get("repository") == str(place.repository)
                and "campaign" in run.parameters["parameters"]
            ]

    def wait(self, run: UUID, reached: Callable[[FlowRun], bool], seconds: float = 200.0) -> FlowRun:
        deadline = time.monotonic() + seconds
        with self.client() as client:
            while not reached(found := client.read_flow_run(run)):
                if time.monotonic() > deadline or (found.state and found.state.is_final()):
                    raise AssertionError(f"{found.state!r}\n{(self.home / 'worker.log').read_text()[-6000:]}")
                time.sleep(0.1)
        return found

    def wait_suspended(self, run: UUID, *, after: str | None = None) -> tuple[str, str]:
        """Wait until a run is suspended with a form; return the key of the pause and the question."""

        def has_form(found: FlowRun) -> bool:
            if not (found.state and found.state.name == "Suspended"):
                return False
            key = found.state.state_details.pause_key
            return key != after and self.text(run, f"suspended-{key}-description") is not None

        key = self.wait(run, has_form).state.state_details.pause_key
        return key, self.text(run, f"suspended-{key}-description")

    def wait_final(self, run: UUID) -> FlowRun:
        return self.wait(run, lambda found: bool(found.state and found.state.is_final()))

    def text(self, run: UUID, key: str) -> str | None:
        with self.client() as client:
            found = client.filter_flow_run_input(run, key, 1, set())
        return None if not found else found[0].decoded_value

    def answer(self, run: UUID, **answer: object) -> Any:
        with self.client() as client:
            return client.resume_flow_run(run, run_input={**GOOD, **answer})


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _process(arguments: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("service")
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PWD": str(ROOT),
        # A person does not mind a quarter of a minute; a test does.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
    }
    with ExitStack() as stack:
        server = _process(
            ["server", "start", "--host", "127.0.0.1", "--port", str(port)], home / "server.log", environment
        )
        stack.callback(_stop, server)
        deadline = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1)
                break
            except OSError:
                assert time.monotonic() < deadline, (home / "server.log").read_text()
                time.sleep(0.2)
        for arguments in (
            ["work-pool", "create", "calprod", "--type", "process"],
            ["deploy", "--all", "--prefect-file", "deployments/prefect.yaml"],
        ):
            done = subprocess.run(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        worker = _process(["worker", "start", "--pool", "calprod"], home / "worker.log", environment)
        stack.callback(_stop, worker)
        with temporary_settings({PREFECT_API_URL: url}):
            yield Service(url, home)


def states(place: Place) -> set[str]:
    import json

    rows = json.loads(calprod("status", "-b", place.repository, "--json").must().out)
    return {row["state"] for row in rows}


def test_the_deployments_have_forms_and_a_schedule_that_sleeps(service: Service) -> None:
    with service.client() as client:
        found = {one.name: one for one in client.read_deployments()}
    assert set(found) == {"nightly", "produce", "release"}
    for name, one in found.items():
        assert one.entrypoint == f"flows/{name}.py:{name}"
        assert one.work_pool_name == "calprod"
        assert "calprod" in one.tags
        (form,) = one.parameter_openapi_schema["definitions"].values()
        assert "repository" in form["required"]
        assert all("title" in field for field in form["properties"].values())
        assert all(field["description"] for field in form["properties"].values())
    (schedule,) = found["nightly"].schedules
    assert (schedule.active, schedule.schedule.timezone) == (False, "America/Santiago")
    assert found["release"].global_concurrency_limit.limit == 1


def test_a_night_waits_for_the_form_and_goes_to_the_site(service: Service, ingested: Place) -> None:
    run = service.start("produce", repository=str(ingested.repository), day_obs=DAY, calibrations=["bias"])
    service.wait_final(run)
    (gate,) = service.runs_of(ingested)
    key, question = service.wait_suspended(gate.id)

    # What a reviewer reads.
    assert CAMPAIGN in question
    assert re.search(r"^\| bias \| verified \| 6 \| \d+ \|$", question, re.MULTILINE)
    assert "report.html" in question
    assert "vera, edwin" in question

    # What the form itself does not let through never reaches the flow.
    refused = service.answer(gate.id, decision="perhaps")
    assert refused.status.value == "REJECT"

    # An answer that is refused is asked for again, with the reason; and leaves no trace.
    service.answer(gate.id, reviewer="eve")
    key, question = service.wait_suspended(gate.id, after=key)
    assert "Your answer was not taken" in question
    assert "eve is not a reviewer of LATISS" in question
    assert ingested.entries("decide") == []
    assert states(ingested) == {"awaiting-approval"}

    # Eve's answer lies behind: naming her as a reviewer later does not make it count.
    ingested.settings(lambda profile: profile["gate"]["reviewers"].append("eve"))
    service.answer(gate.id)
    assert service.wait_final(gate.id).state.name == "Completed"
    assert states(ingested) == {f"deployed({SITE})"}
    (decision,) = ingested.entries("decide")
    assert decision["who"] == "vera"
    assert "2 sites match" in calprod("compare", "-b", ingested.repository).must().out
    with service.client() as client:
        late = client.resume_flow_run(gate.id, run_input=GOOD)
    assert late.status.value == "ABORT"
    assert len(ingested.entries("decide")) == 1


def test_the_command_line_answers_the_same_gate(
    service: Service, produced: Place, produced_template: Place, tmp_path: Path
) -> None:
    from flows.gate import open_release_runs

    other = produced_template.copy(tmp_path / "other")
    (gate,) = open_release_runs(produced.repository, None)
    assert open_release_runs(produced.repository, None) == (gate,)
    (cancelled,) = open_release_runs(other.repository, None)
    with service.client() as client:
        client.set_flow_run_state(cancelled, Cancelled(), force=True)
    (rejected,) = open_release_runs(other.repository, None)
    assert len({gate, cancelled, rejected}) == 3
    service.wait_suspended(gate)
    service.wait_suspended(rejected)

    answer = ("approve", f"{DAY}a", "-b", produced.repository, "--reviewer", "vera", "--begin", DAY)
    part = calprod(*answer, "--only", "bias").must()
    assert "still waiting for a decision: dark, flat-r" in part.out
    rest = calprod(*answer, "--accept-failures", "few pixels").must()
    assert "the release run that waited for this goes on" in rest.out
    # Twice is harmless, whether or not the run has woken.
    calprod(*answer, "--accept-failures", "few pixels").must()

    # The other repository's campaign has the same name; only its own run hears what is said of it.
    done = calprod(
        *("reject", f"{DAY}a", "-b", other.repository, "--reviewer", "vera", "--reason", "stripes")
    ).must()
    assert "the release run that waited for this goes on" in done.out
    ended = service.wait_final(rejected)
    assert (ended.state.type.value, ended.state.name) == ("COMPLETED", "Rejected")
    assert states(other) == {"rejected"}
    assert other.entries("certify") == []

    assert service.wait_final(gate).state.name == "Completed"
    assert states(produced) == {f"deployed({SITE})"}
    assert len(produced.entries("decide")) == len(KEYS)
    assert "2 sites match" in calprod("compare", "-b", produced.repository).must().out


def test_a_decision_stands_when_the_server_is_away(produced: Place) -> None:
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{_free_port()}/api"}):
        done = calprod(
            *("approve", f"{DAY}a", "-b", produced.repository, "--reviewer", "vera", "--begin", DAY),
            *("--accept-failures", "few pixels"),
        )
    assert done.status == 1
    (line,) = done.err.splitlines()
    assert "the decision is recorded" in line
    assert "calprod release" in line
    assert states(produced) == {"approved"}
