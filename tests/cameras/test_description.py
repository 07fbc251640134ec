"""A wrong description says file, line, key and what was expected; a right one gives the camera's boxes."""

import copy

import pytest

from infra.errors import ProfileError, UsageError
from infra.instruments import camera
from infra.instruments.described import describe_instrument, load_description
from infra.instruments.described.layout import camera_model, detector_layout
from infra.instruments.geometry import Box
from tests.cameras.frames import described, description_values, write_description
from tests.cameras.latiss_file import latiss_values


def changed(*place: str | int, to: object) -> dict:
    """Return the description with one value replaced, or left out by None."""
    values = copy.deepcopy(description_values())
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    if to is None:
        del inner[place[-1]]
    return values


@pytest.mark.parametrize(
    ("place", "value", "key", "expected"),
    [
        (("instrument",), "LATISS", "instrument", "built in"),
        (("instrument",), "my camera", "instrument", "pattern"),
        (("identify",), {}, "identify", "at least 1"),
        (("identify",), {"filename": "a*"}, "identify", "header cards"),
        (("observation", "exposure_time"), None, "observation.exposure_time", "is missing"),
        (("observation", "exposure_time"), {}, "observation.exposure_time", "the cards that hold it"),
        (
            ("observation", "exposure_time"),
            {"cards": "A", "unit": "h"},
            "exposure_time.unit",
            "'s', 'ms' or 'min'",
        ),
        (("observation", "begin", "scale"), None, "observation.begin.scale", "time scale"),
        (("observation", "number"), {"filename": "[0-9]+"}, "observation.number", "group"),
        (("observation", "number"), {"filename": "("}, "observation.number", "regular expression"),
        (("observation", "tpye"), [], "observation.tpye", "did you mean 'type'"),
        (("observation", "type", 0, "then"), "a far too long name", "type[0].then", "pattern"),
        (("state", "SET-TEMP"), {"filename": "(.)"}, "state.SET-TEMP", "header cards"),
        (("detectors",), [], "detectors", "at least 1"),
        (("detectors", 0, "amplifiers", 0, "data"), "1:32,1:40", "amplifiers[0].data", "section such as"),
        (("detectors", 0, "amplifiers", 0, "data"), "[0:32,1:40]", "amplifiers[0].data", "counted from 1"),
        (("detectors", 0, "amplifiers", 0, "data"), "[1:36,1:40]", "amplifiers[0]", "apart"),
        (("detectors", 0, "amplifiers", 0, "data"), "[1:30,1:41]", "amplifiers[0]", "all rows of the data"),
        (("detectors", 0, "amplifiers", 1, "data"), "[50:80,1:39]", "detectors[0]", "equally high"),
        (("detectors", 0, "amplifiers", 1, "column"), 2, "detectors[0]", "one amplifier at every"),
        (("detectors", 0, "amplifiers", 1, "name"), "A", "detectors[0]", "a name of its own"),
        (("detectors", 0, "amplifiers", 0, "gain"), None, "amplifiers[0].gain", "nominal gain"),
        (("detectors", 0, "amplifiers", 0, "gain"), 0, "amplifiers[0].gain", "greater than 0"),
        (("detectors", 0, "amplifiers", 0, "serial_overscan"), None, "amplifiers[0]", "pedestal"),
        (("detectors", 0, "image_size"), [80, 39], "detectors[0]", "within image_size"),
        (("detectors", 0, "when"), {"filename": "a*"}, "detectors[0]", "header cards"),
    ],
)
def test_a_wrong_description_names_line_key_and_what_was_expected(tmp_path, place, value, key, expected):
    path = write_description(tmp_path / "camera.yaml", changed(*place, to=value))
    with pytest.raises(ProfileError) as caught:
        load_description(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert message[len(f"{path}:") :].partition(":")[0].isdigit()
    assert key in message
    assert expected in message


def test_two_detectors_must_be_told_apart(tmp_path):
    values = description_values()
    values["detectors"].append({**values["detectors"][0], "id": 1, "name": "CCD1"})
    with pytest.raises(ProfileError, match="'when'"):
        described(tmp_path, values)
    values["detectors"][1]["id"] = 0
    with pytest.raises(ProfileError, match="its own id"):
        described(tmp_path, values)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProfileError, match=r"nowhere\.yaml"):
        load_description(tmp_path / "nowhere.yaml")
    with pytest.raises(UsageError, match="stl1001e"):
        load_description("nosuchcamera")


def test_sections_of_one_image_become_boxes(tmp_path):
    layout = detector_layout(described(tmp_path).detectors[0])
    assert (layout.raw_shape, layout.image_shape) == ((40, 80), (40, 64))
    first, second = layout.amplifiers
    assert (first.data_box, first.serial_overscan_box) == (Box(0, 0, 32, 40), Box(32, 0, 8, 40))
    assert (second.data_box, second.serial_overscan_box) == (Box(48, 0, 32, 40), Box(40, 0, 8, 40))
    assert (first.raw_box, second.raw_box) == (Box(0, 0, 40, 40), Box(40, 0, 40, 40))
    assert second.image_box == Box(32, 0, 32, 40)
    assert (first.readout_corner, second.readout_corner) == ("LL", "LR")
    assert first.parallel_overscan_box.area == 0


def test_latiss_in_yaml_is_latiss(tmp_path):
    described_latiss = camera_model(described(tmp_path, latiss_values())).detectors[0]
    built_in = camera("LATISS").detectors[0]
    assert described_latiss.layout() == built_in.layout()
    assert described_latiss.segment == built_in.segment
    assert described_latiss.amplifiers == built_in.amplifiers


@pytest.mark.parametrize("name", ["example", "stl1001e"])
def test_the_shipped_descriptions_are_right(name):
    description = load_description(name)
    for detector in camera_model(description).detectors:
        layout = detector.layout()
        assert (
            sum(one.data_box.area for one in layout.amplifiers)
            == layout.image_shape[0] * layout.image_shape[1]
        )
        for one in layout.amplifiers:
            assert one.data_box.shape == one.image_box.shape


def test_both_ways_to_describe_a_sensor_give_the_same_kind_of_layout():
    stored, assembled = (detector_layout(one) for one in load_description("example").detectors)
    assert stored.image_shape == assembled.image_shape
    for one, other in zip(stored.amplifiers, assembled.amplifiers, strict=True):
        assert one.image_box == other.image_box
        assert one.readout_corner == other.readout_corner
        assert (one.serial_overscan_box.x0 > one.data_box.x0) == (
            other.serial_overscan_box.x0 > other.data_box.x0
        )


def test_the_digest_is_of_what_is_said_and_not_how(tmp_path):
    values = description_values()
    digest = described(tmp_path, values).digest
    again = dict(reversed(values.items()))
    again["observation"] = {**values["observation"], "temperature": {"cards": ["CCD-TEMP"]}}
    assert described(tmp_path, again).digest == digest
    values["detectors"][0]["amplifiers"][0]["gain"] = 1.6
    assert described(tmp_path, values).digest != digest


def test_a_described_camera_is_known_by_its_name(tmp_path):
    description = described(tmp_path)
    describe_instrument(description)
    assert camera("BENCH").detectors[0].full_name == "CCD0"
    assert {one.name: one.band for one in camera("BENCH").filters} == {"r_01": "r", "none": "white"}
    with pytest.raises(UsageError, match=r"LATISS.*--camera FILE"):
        camera("NOTHING")
