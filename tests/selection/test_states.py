"""Camera states of several detectors as one."""

from tasks.selection.states import merge_states, usual_states

ITL, E2V, OTHER = "FP_ITL_v28.seq", "FP_E2V_v28.seq", "FP_ITL_v27.seq"


def state(sequencer, drain=25.5):
    return {"SEQNAME": sequencer, "ODP": drain}


USUAL = {0: state(ITL), 4: state(ITL, 25.7), 94: state(E2V)}


def test_what_each_detector_says_in_most_exposures_is_usual():
    odd = {**USUAL, 4: state(OTHER, 25.7)}
    assert usual_states([USUAL, odd, USUAL]) == USUAL


def test_detectors_that_always_differ_are_one_state():
    assert merge_states(USUAL, USUAL) == state(ITL)


def test_another_program_on_any_detector_is_heard():
    assert merge_states({**USUAL, 4: state(OTHER, 25.7)}, USUAL) == state(OTHER)
    assert merge_states({**USUAL, 94: state(None)}, USUAL) == state(None)
    assert merge_states({**USUAL, 0: state(OTHER)}, USUAL) == state(OTHER)


def test_an_exposure_without_the_lowest_detector_is_in_the_usual_state():
    assert merge_states({94: state(E2V)}, USUAL) == state(ITL)
    assert merge_states({4: state(ITL, 20.0), 94: state(E2V)}, USUAL) == state(ITL, 20.0)


def test_of_a_single_detector_the_state_is_its_own():
    assert merge_states({0: state(OTHER)}, {0: state(ITL)}) == state(OTHER)
    assert merge_states({}, USUAL) == {}
    assert merge_states({3: state(ITL)}, {}) == state(ITL)
