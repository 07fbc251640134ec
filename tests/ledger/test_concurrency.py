"""Several processes use one ledger at once."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

from infra.ledger import Ledger, Step

_SPAWN = multiprocessing.get_context("spawn")
_PROCESSES = 4
_EACH = 15


def _write(address: str, number: int) -> list[int]:
    with Ledger.open(address) as ledger:
        return [
            ledger.record(Step(step="detect", status="done", who=f"p{number}", parameters={"n": n})).sequence
            for n in range(_EACH)
        ]


def _open_campaign(address: str, number: int) -> str:
    with Ledger.open(address) as ledger:
        return ledger.open_campaign("LATISS", "DM-1", "tag", 20240318, f"p{number}").name


def test_processes_that_open_a_new_ledger_at_once_and_write_make_one_chain(address: str) -> None:
    with ProcessPoolExecutor(_PROCESSES, mp_context=_SPAWN) as pool:
        numbers = list(pool.map(partial(_write, address), range(_PROCESSES)))
    assert sorted(n for part in numbers for n in part) == list(range(1, _PROCESSES * _EACH + 1))
    assert all(part == sorted(part) for part in numbers)
    with Ledger.open(address) as ledger:
        assert ledger.verify() == []
        assert len(ledger.entries()) == _PROCESSES * _EACH


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    step = Step(step="detect", status="done", who="ann")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ledger.record(step).sequence, range(40)))
    assert sorted(made) == list(range(1, 41))
    assert ledger.verify() == []


def test_two_nightly_runs_of_one_day_share_one_campaign(address: str) -> None:
    with ProcessPoolExecutor(_PROCESSES, mp_context=_SPAWN) as pool:
        names = set(pool.map(partial(_open_campaign, address), range(_PROCESSES)))
    assert names == {"LATISS/DM-1/tag/20240318a"}
    with Ledger.open(address) as ledger:
        assert len(ledger.campaigns()) == 1


def test_a_reader_sees_whole_steps_while_another_writes(ledger: Ledger) -> None:
    pair = [Step(step="detect", status="started", who="ann"), Step(step="detect", status="done", who="ann")]
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [ledger.record_all(pair) for _ in range(15)])
        while not writing.done():
            entries = ledger.entries()
            assert len(entries) % 2 == 0
        writing.result()
