"""A day splits into sets as a person reading the night log would split it."""

from dataclasses import replace

from tasks.selection.sets import SetRules, split_into_sets
from tests.selection.nights import DAY, GREEN, RED, Night


def split(night: Night, **rules: object) -> list[list[int]]:
    """Return the sequence numbers of each set."""
    return [[one.seq_num for one in members] for members in split_into_sets(night.records, SetRules(**rules))]


def test_type_filter_and_exposure_time_end_a_set():
    night = Night()
    night.take("bias", 3)
    night.take("dark", 3)
    night.take("dark", 3, exposure_time=60)
    night.take("flat", 3, physical_filter=RED)
    night.take("flat", 3, physical_filter=GREEN)
    assert split(night) == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12], [13, 14, 15]]


def test_the_filter_does_not_matter_for_biases_and_darks():
    night = Night()
    night.take("bias", 2, physical_filter=RED)
    night.take("bias", 2, physical_filter=GREEN)
    assert split(night) == [[1, 2, 3, 4]]


def test_a_long_pause_ends_a_set_and_a_short_one_does_not():
    night = Night()
    night.take("bias", 4)
    night.wait(300)
    night.take("bias", 4)
    night.wait(900)
    night.take("bias", 4)
    assert split(night) == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12]]


def test_frames_taken_in_turn_are_one_set_of_each_type():
    night = Night()
    for _ in range(5):
        night.take("bias")
        night.take("dark", exposure_time=300)
        night.take("dark", exposure_time=400)
    assert split(night) == [list(range(1, 16, 3)), list(range(2, 16, 3)), list(range(3, 16, 3))]


def test_two_sequences_with_another_between_are_two_sets():
    night = Night()
    night.take("bias", 5)
    night.take("flat", 5)
    night.take("bias", 5)
    assert split(night) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]]


def test_one_or_two_frames_of_another_type_do_not_end_a_set():
    night = Night()
    night.take("bias", 5)
    night.take("dark", 2)
    night.take("bias", 5)
    assert split(night) == [[1, 2, 3, 4, 5, 8, 9, 10, 11, 12], [6, 7]]


def test_science_in_between_is_a_pause():
    night = Night()
    night.take("bias", 2)
    night.take("science", 2, exposure_time=900)
    night.take("bias", 2)
    sets = split(night)
    assert [1, 2] in sets
    assert [5, 6] in sets


def test_the_order_of_the_input_and_of_the_numbers_does_not_matter():
    night = Night()
    night.take("bias", 6)
    night.take("dark", 6)
    expected = split(night)
    night.records.reverse()
    assert split(night) == expected


def test_groups_part_sequences_taken_without_a_pause():
    night = Night()
    night.take("flat", 4, group="first")
    night.take("flat", 4, group="second")
    assert split(night) == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_a_group_of_its_own_for_every_frame_or_pair_says_nothing():
    night = Night()
    for pair in range(4):
        night.take("flat", 2, group=f"pair {pair}")
    assert split(night) == [[1, 2, 3, 4, 5, 6, 7, 8]]


def test_a_frame_that_lost_its_group_stays_with_its_sequence_even_as_the_first():
    night = Night()
    records = night.take("flat", 6, group="lamp")
    night.change(records[0], group="")
    night.change(records[3], group="other")
    assert split(night) == [[1, 2, 3, 4, 5, 6]]


def test_exposure_times_within_the_tolerance_are_equal():
    night = Night()
    for record in night.take("dark", 6):
        night.change(record, exposure_time=30 + 0.01 * (record.seq_num % 3))
    assert len(split(night)) == 1
    assert len(split(night, exposure_time_tolerance=0.001)) == 3


def test_days_are_never_joined():
    night = Night()
    night.take("bias", 2)
    late = [replace(one, exposure=one.exposure + 100000, day_obs=DAY + 1) for one in night.records]
    night.records += late
    assert len(split(night)) == 2


def test_every_exposure_is_in_one_set_whatever_the_night():
    night = Night(3)
    for _ in range(60):
        kind = ("bias", "dark", "flat", "science")[int(night.rng.integers(4))]
        night.take(kind, int(night.rng.integers(1, 4)), group=f"g{night.rng.integers(9)}")
        night.wait(float(night.rng.uniform(0, 800)))
    numbers = sorted(number for one in split(night) for number in one)
    assert numbers == [record.seq_num for record in night.records]
