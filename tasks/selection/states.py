"""The camera states of all detectors of an exposure as one."""

from collections import Counter
from collections.abc import Iterable, Mapping

from tasks.selection.model import StateValue

__all__ = ["merge_states", "usual_states"]

type State = Mapping[str, StateValue]
"""Value of each card of the camera's state."""


def usual_states(seen: Iterable[Mapping[int, State]]) -> dict[int, dict[str, StateValue]]:
    """Return what each detector says of the camera's state in most exposures.

    Parameters
    ----------
    seen
        By exposure, the state that each detector's header tells, by detector number.
    """
    counts: dict[int, dict[str, Counter[StateValue]]] = {}
    for states in seen:
        for detector, state in states.items():
            of_detector = counts.setdefault(detector, {})
            for key, value in state.items():
                of_detector.setdefault(key, Counter())[value] += 1
    return {
        detector: {key: values.most_common(1)[0][0] for key, values in counts[detector].items()}
        for detector in sorted(counts)
    }


def merge_states(states: Mapping[int, State], usual: Mapping[int, State]) -> dict[str, StateValue]:
    """Return the camera's state in an exposure of several detectors.

    Parameters
    ----------
    states
        State that each detector's header tells, by detector number.
    usual
        What it tells in most exposures.

    Notes
    -----
    Sensors of two makers run two sequencer programs, and voltages may differ from board to board: the
    detector of the lowest number speaks for all, in its usual words where it has no raw. Another is heard,
    card by card, where it says what it does not usually say and the lowest one has nothing unusual to tell.
    """
    if not states:
        return {}
    spokesman = min(usual, default=min(states))
    usually = usual.get(spokesman, {})
    merged = dict(states.get(spokesman, usually))
    for detector in sorted(states):
        expected = usual.get(detector, {})
        for key, value in states[detector].items():
            if key in expected and value != expected[key] and merged.get(key) == usually.get(key):
                merged[key] = value
    return merged
