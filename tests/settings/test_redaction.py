"""Secrets are hidden in every form they take, and nothing else is."""

import pytest

from infra.redaction import HIDDEN, redact, redact_text

PLANTED = "Zx9-planted"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://calprod:{PLANTED}@db.example.org:5432/ledger",
        f"s3://key:{PLANTED}@bucket/prefix",
        f"https://store/x?X-Amz-Credential=a&X-Amz-Signature={PLANTED}&x=1",
        f"https://h/x?access_token={PLANTED}",
        f"calprod sync --password {PLANTED} usdf",
        f"calprod sync --api-key={PLANTED} usdf",
        f"PGPASSWORD={PLANTED} psql",
        f"AWS_SECRET_ACCESS_KEY='{PLANTED} x' aws s3 ls",
        f"PREFECT_API_AUTH_STRING=admin:{PLANTED} prefect",
        f"curl -H 'Authorization: Bearer {PLANTED}aaaaaaaa' https://h",
        f"https://hooks.slack.com/services/T0/B0/{PLANTED}",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{PLANTED}\n-----END OPENSSH PRIVATE KEY-----",
    ],
)
def test_a_secret_in_a_text_is_hidden(text: str) -> None:
    hidden = redact_text(f"before {text} after")
    assert PLANTED not in hidden
    assert HIDDEN in hidden
    assert hidden.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "A1B2C3D4E5F6G7H8",
        "ghp_" + "a" * 36,
        "xoxb-" + "1234567890-abcdef",
    ],
)
def test_a_known_form_of_key_is_hidden(text: str) -> None:
    assert redact_text(f"it said {text}.") == f"it said {HIDDEN}."


@pytest.mark.parametrize(
    "key",
    ["password", "dbPassword", "API_KEY", "api-key", "secretAccessKey", "SLACK_TOKEN", "private_key", "auth"],
)
def test_what_stands_under_a_secret_key_is_hidden(key: str) -> None:
    assert redact({"a": [{key: PLANTED}]}) == {"a": [{key: HIDDEN}]}
    assert redact({key: {"deep": PLANTED}}) == {key: HIDDEN}
    assert redact({key: None}) == {key: None}


def test_what_is_no_secret_stays() -> None:
    plain = {
        "author": "ann",
        "camera_state_keys": ["SEQNAME"],
        "calibration_key": "flat-r",
        "password_policy": "long",
        "token_count": 3,
        "command": "butler certify-calibrations REPO LATISS/calib/biasGen.20240326a --begin-date 2024-03-26",
        "url": "postgresql://calprod@db/ledger",
        "reason": "the token ring network failed; see the secret garden",
        "size": 4.5,
        "none": None,
        "true": True,
    }
    assert redact(plain) == plain


def test_a_reference_to_the_environment_stays_so_that_a_command_can_be_replayed() -> None:
    for text in (
        "postgresql://c:${CALPROD_PASSWORD}@db/x",
        'PGPASSWORD="$PGPASSWORD" psql',
        "x --token $TOKEN",
    ):
        assert redact_text(text) == text


def test_hiding_twice_changes_nothing() -> None:
    once = redact_text(f"postgresql://a:{PLANTED}@h/x --token {PLANTED} PGPASSWORD={PLANTED}")
    assert redact_text(once) == once


def test_the_value_given_is_not_changed() -> None:
    given = {"password": PLANTED, "inner": {"token": PLANTED}}
    redact(given)
    assert given == {"password": PLANTED, "inner": {"token": PLANTED}}
