"""Settings files become models; a wrong one says the file, the line, the key and what was expected."""

import types
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.errors import ProfileError, UsageError
from infra.redaction import redact_text
from infra.settings.dependencies import Dependencies
from infra.settings.policy import Policy
from infra.settings.profile import Profile
from infra.settings.yaml_lines import LinedDocument, dotted, read_yaml

__all__ = [
    "builtin_policy",
    "builtin_profile",
    "builtin_profile_path",
    "load_dependencies",
    "load_model",
    "load_policy",
    "load_profile",
]

_SHOWN = 3


def load_profile(path: str | Path) -> Profile:
    """Read a profile.

    Parameters
    ----------
    path
        YAML file.

    Returns
    -------
    Profile
        The settings, checked.

    Raises
    ------
    ProfileError
        Naming the file, the line, the key and what was expected there.
    """
    return load_model(Profile, Path(path))


def load_policy(reference: str | Path, *, beside: str | Path | None = None) -> Policy:
    """Read a verification policy.

    Parameters
    ----------
    reference
        Name of a policy that is shipped, such as ``latiss``, or path of a YAML file.
    beside
        File that a relative path is relative to: the profile that names the policy.

    Returns
    -------
    Policy
        The tests, limits and waivers, checked.

    Raises
    ------
    ProfileError
        Naming the file, the line, the key and what was expected there.
    """
    return load_model(Policy, _referred("policies", reference, "policy", beside))


def load_dependencies(reference: str | Path, *, beside: str | Path | None = None) -> Dependencies:
    """Read a dependency graph.

    Parameters
    ----------
    reference
        Name of a graph that is shipped, such as ``modern``, or path of a YAML file.
    beside
        File that a relative path is relative to: the profile that names the graph.

    Returns
    -------
    Dependencies
        What rests on what, checked.

    Raises
    ------
    ProfileError
        Naming the file, the line, the key and what was expected there.
    """
    return load_model(Dependencies, _referred("dependencies", reference, "dependency graph", beside))


def builtin_profile(instrument: str) -> Profile:
    """Read the profile shipped for an instrument, whatever the case its name is written in."""
    return load_profile(builtin_profile_path(instrument))


def builtin_profile_path(instrument: str) -> Path:
    """Give the file of the profile shipped for an instrument; UsageError if there is none."""
    return _builtin("profiles", instrument.lower(), "profile")


def builtin_policy(instrument: str) -> Policy:
    """Read the verification policy shipped for an instrument."""
    return load_model(Policy, _builtin("policies", instrument.lower(), "policy"))


def load_model[Model: BaseModel](model: type[Model], path: Path) -> Model:
    """Read a YAML file into a settings model.

    Parameters
    ----------
    model
        What the file must be.
    path
        YAML file.

    Returns
    -------
    pydantic.BaseModel
        An instance of ``model``.

    Raises
    ------
    ProfileError
        Naming the file, the line, the key and what was expected there; the first few if there are many.
    """
    document = read_yaml(path)
    if not isinstance(document.content, dict):
        raise ProfileError(f"{path}:1: expected keys with values, such as 'instrument: LATISS'")
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        # By line, so that people mend a file from the top.
        problems = sorted(_problem(model, document, details) for details in _causes(error.errors()))
    messages = [message for _, message in problems]
    more = f" (and {len(messages) - _SHOWN} more)" if len(messages) > _SHOWN else ""
    raise ProfileError("; ".join(messages[:_SHOWN]) + more)


def _referred(kind: str, reference: str | Path, noun: str, beside: str | Path | None) -> Path:
    """Find what a profile refers to: by the name of what is shipped, or by a path beside it."""
    text = str(reference)
    if "/" not in text and not text.endswith((".yaml", ".yml")):
        return _builtin(kind, text, noun)
    path = Path(text)
    return Path(beside).parent / path if beside and not path.is_absolute() else path


def _builtin(kind: str, name: str, noun: str) -> Path:
    folder = resources.files("deployments") / kind
    with resources.as_file(folder) as path:
        known = sorted(entry.stem for entry in path.glob("*.yaml"))
        if name in known:
            return path / f"{name}.yaml"
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
    raise UsageError(f"there is no {noun} '{name}'", hint)


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list is too short when it is only so because its members are wrong."""
    return [
        details
        for details in errors
        if details["type"] != "too_short"
        or not any(other["loc"][:-1][: len(details["loc"])] == details["loc"] for other in errors)
    ]


def _problem(model: type[BaseModel], document: LinedDocument, details: ErrorDetails) -> tuple[int, str]:
    """Put one error of pydantic into words; the line comes first, for sorting."""
    context = details.get("ctx", {})
    place = context.get("location", details["loc"])
    location = _in_file(place, document)
    if details["type"] == "extra_forbidden":
        words = _unknown_key(model, place)
    elif details["type"] == "missing" and location and isinstance(location[-1], int):
        words = "expected one more value"
    elif details["type"] == "missing":
        words = f"is missing; expected {_describe(model, place)}"
    elif details["type"] == "wrong_reference":
        words = details["msg"]
    else:
        said = details["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        words = said[:1].lower() + said[1:]
        if not isinstance(details["input"], dict | list):
            words += f", not {redact_text(repr(details['input']))}"
    return document.line_of(location), f"{document.where(location)}: {words}"


def _in_file(location: Sequence[Any], document: LinedDocument) -> tuple[str | int, ...]:
    """Leave out the parts of pydantic's location that are names of types, not keys of the file."""
    place: tuple[str | int, ...] = ()
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if (*place, part) in document.lines or (last and _may_be_missing(part)):
            place = (*place, part)
    return place


def _may_be_missing(part: Any) -> bool:
    """Tell whether the last part of a location may be a key that is missing from the file."""
    return isinstance(part, int) or (part.isidentifier() and part not in ("str", "int", "float", "bool"))


def _unknown_key(model: type[BaseModel], place: Sequence[Any]) -> str:
    owner = _model_at(model, place[:-1])
    known = list(owner.model_fields) if owner else []
    near = get_close_matches(str(place[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(known)}"
    return f"unknown key; {hint}"


def _describe(model: type[BaseModel], place: Sequence[Any]) -> str:
    owner = _model_at(model, place[:-1])
    field = owner.model_fields.get(str(place[-1])) if owner else None
    text = field.description if field and field.description else f"a value for {dotted(place[-1:])}"
    first = text.split("\n")[0].rstrip(".:")
    return (first[0].lower() + first[1:]).replace("``", "'")


def _model_at(model: type[BaseModel], place: Sequence[Any]) -> type[BaseModel] | None:
    """Find the model that describes the mapping at a place, given as pydantic says it: tags included."""
    current: tuple[type[BaseModel], ...] = (model,)
    for part in place:
        if isinstance(part, int):
            continue  # the models inside a list were found with the list's key
        tagged = tuple(candidate for candidate in current if _has_tag(candidate, part))
        if len(current) > 1 and tagged:
            current = tagged
            continue
        fields = [candidate.model_fields[part] for candidate in current if part in candidate.model_fields]
        if fields:  # else it is pydantic's name of a validator or type, not a key
            current = tuple(one for field in fields for one in _models_in(field.annotation))
    return current[0] if current else None


def _has_tag(model: type[BaseModel], part: Any) -> bool:
    """Tell whether a member of a union is the one that pydantic names by tag or by class."""
    literals = (
        get_args(field.annotation)
        for field in model.model_fields.values()
        if get_origin(field.annotation) is Literal
    )
    return part == model.__name__ or any(values == (part,) for values in literals)


def _models_in(annotation: Any) -> tuple[type[BaseModel], ...]:
    """Find the models inside Optional, unions, tuple, Annotated and type aliases."""
    if isinstance(annotation, TypeAliasType):
        return _models_in(annotation.__value__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, dict, Annotated):
        return tuple(model for argument in get_args(annotation) for model in _models_in(argument))
    return ()
