"""`scenario_state.json` of HELM -> log-likelihoods of the choices, for adapters that ask each choice on its own.

HELM echoes the prompt: `completion.logprob` covers it too, so only the tokens at the end that spell the choice count.
A tokenizer with a chat template may put its own tokens there, and nothing in `run_spec.json` says so. Therefore the
text of those tokens must equal the choice, and the choice that is likeliest per token must be the one HELM scored;
otherwise the whole run gets a note and no likelihood (leaving out single instances would flatter). Where the whole
completion does not end in the choice, HELM itself scored other tokens: its exact_match then gets a remark as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.helm_run import SEPARATE, STATE, Instances, Key, Run
from checkpoints_db.readers.likelihoods import Asked, bytes_of, nats_of
from checkpoints_db.readers.stated import conditions_of, list_of, name_of, neighbour_of
from checkpoints_db.readers.strict import count_of, object_of

Json = dict[str, Any]
Part = tuple[str, str]
"""Split and sub-split."""


NOT_SCORED = "choices_not_scored"
"""Remark: HELM compared tokens that are not those of the choices."""
_PART = "\ufffd"
"""What a token that is a part of a character is printed as."""


class Reference(NamedTuple):
    """One choice: its text, and whether it is right."""

    text: str
    right: bool


class _OtherTextError(ValueError):
    """Likelihoods that cannot be trusted; `elsewhere` where HELM itself looked at other tokens."""

    def __init__(self, why: str, *, elsewhere: bool = False) -> None:
        super().__init__(why)
        self.elsewhere = elsewhere


class Found(NamedTuple):
    """The documents of each split, none where they cannot be trusted, and what that says of the run's own scores."""

    documents: dict[Part, list[Asked]]
    remarks: tuple[str, ...] = ()


@dataclass
class _Instance:
    references: list[Reference]
    lls: dict[int, tuple[float, int]] = field(default_factory=dict)
    """By index of the choice: log-likelihood in nats, and tokens."""


def documents_of(run: Run, instances: Instances, notes: list[str]) -> Found:
    """The documents of each split; none, with a note, where the likelihoods cannot be trusted.

    Raises IncompleteResult while `scenario_state.json` is not there, UnreadableFile naming the request otherwise.
    """
    path = run.path.parent / STATE
    state = object_of(neighbour_of(run.path, STATE, "has the log-probabilities of the choices"), path, "")
    adapter = conditions_of(object_of(state.get("adapter_spec"), path, "adapter_spec"), path, "adapter_spec")
    if adapter != conditions_of(run.adapter, run.where, "adapter_spec"):
        raise UnreadableFile(
            str(path), "adapter_spec", f"it is not that of {run.where.name}; two runs share this folder"
        )
    if run.trials > 1:
        notes.append(f"{run.trials} train trials; log-likelihoods are read from runs with one only")
        return Found({})
    try:
        found = _instances(list_of(state.get("request_states"), path, "request_states"), path)
        return Found({part: _documents(run, instances, part, asked, path) for part, asked in found.items()})
    except _OtherTextError as error:
        notes.append(f"{error}; no continuous metric")
        return Found({}, (NOT_SCORED,) if error.elsewhere else ())


def _instances(states: list[Any], path: Path) -> dict[Part, dict[str, _Instance]]:
    found: dict[Part, dict[str, _Instance]] = {}
    for i, body in enumerate(states):
        at = f"request_states[{i}]"
        state = object_of(body, path, at)
        instance = object_of(state.get("instance"), path, f"{at}.instance")
        if instance.get("perturbation") is not None or state.get("request_mode", "original") != "original":
            continue
        listed = list_of(instance.get("references"), path, f"{at}.instance.references")
        references = [_reference(each, path, f"{at}.instance.references[{j}]") for j, each in enumerate(listed)]
        split, sub = (_part(instance.get(name), path, f"{at}.instance.{name}") for name in ("split", "sub_split"))
        name = name_of(instance.get("id"), path, f"{at}.instance.id")
        index = count_of(state.get("reference_index"), path, f"{at}.reference_index", least=0)
        document = found.setdefault((split, sub), {}).setdefault(name, _Instance(references))
        if index >= len(references) or index in document.lls or references != document.references:
            raise UnreadableFile(str(path), f"{at}.reference_index", f"choice {index} is out of place")
        document.lls[index] = _answered(state, references[index].text, path, at)
    return found


def _reference(body: Any, path: Path, at: str) -> Reference:
    reference = object_of(body, path, at)
    text = object_of(reference.get("output"), path, f"{at}.output").get("text")
    if not isinstance(text, str):
        raise UnreadableFile(str(path), f"{at}.output.text", "missing; the text of the choice is expected")
    return Reference(text, "correct" in list_of(reference.get("tags"), path, f"{at}.tags"))


def _part(body: Any, path: Path, at: str) -> str:
    return "" if body is None else name_of(body, path, at)


def _answered(state: Json, text: str, path: Path, at: str) -> tuple[float, int]:
    """Log-likelihood and number of the tokens at the end that spell `text`, with the space before it if it has one."""
    result = object_of(state.get("result"), path, f"{at}.result")
    if result.get("success") is not True:
        raise _OtherTextError(f"{at}: the request failed")
    completions = list_of(result.get("completions"), path, f"{at}.result.completions")
    if len(completions) != 1:
        raise _OtherTextError(f"{at}: {len(completions)} completions where there is one")
    here = f"{at}.result.completions[0]"
    completion = object_of(completions[0], path, here)
    whole = completion.get("text")
    if not text.strip() or not isinstance(whole, str) or not whole.endswith(text):
        why = f"{at}: the completion does not end in the choice (a chat template, a truncated prompt?)"
        raise _OtherTextError(why, elsewhere=True)
    tokens = list_of(completion.get("tokens"), path, f"{here}.tokens")
    found = _tail([object_of(token, path, f"{here}.tokens") for token in tokens], f" {text}", path, f"{here}.tokens")
    if found is None:
        raise _OtherTextError(f"{at}: no tokens at the end of the completion spell the choice")
    return found


def _tail(tokens: list[Json], wanted: str, path: Path, field: str) -> tuple[float, int] | None:
    """Log-likelihood and number of the last tokens that spell `wanted`, or `wanted` without its leading space.

    `places`: where in `wanted` the tokens read so far may begin. A part of a character may begin a new one from the
    right, or belong to the one just begun; then only the spelling with the space is sure.
    """
    places, total, parts, found = {len(wanted)}, 0.0, False, None
    for count, token in enumerate(reversed(tokens), start=1):
        piece = token.get("text")
        if not isinstance(piece, str):
            raise UnreadableFile(str(path), field, "a token without text")
        for letter in reversed(piece):
            places = _before(places, letter, wanted)
        parts = parts or _PART in piece
        if not places:
            break
        total += nats_of(token.get("logprob"), path, field)
        if 0 in places:
            return total, count
        if 1 in places and not parts:
            found = total, count
    return found


def _before(places: set[int], letter: str, wanted: str) -> set[int]:
    if letter != _PART:
        return {place - 1 for place in places if place > 0 and wanted[place - 1] == letter}
    fresh = {place - 1 for place in places if place > 0 and not wanted[place - 1].isascii()}
    return fresh | {place for place in places if place < len(wanted) and not wanted[place].isascii()}


def _documents(run: Run, instances: Instances, part: Part, asked: dict[str, _Instance], path: Path) -> list[Asked]:
    scored = instances.of(Key("exact_match", *part))
    if scored and scored.keys() != asked.keys():
        why = f"its instances are not those of {instances.path.name}; two runs share this folder"
        raise UnreadableFile(str(path), "request_states", why)
    return [_document(run, name, each, scored.get(name), path) for name, each in asked.items()]


def _document(run: Run, name: str, each: _Instance, scored: float | None, path: Path) -> Asked:
    at = f"instance {name}"
    if len(each.lls) != len(each.references) or len(each.lls) < 2:
        why = f"{len(each.lls)} of {len(each.references)} choices were asked; at least two, and all, are needed"
        raise UnreadableFile(str(path), at, why)
    right = tuple(i for i, reference in enumerate(each.references) if reference.right)
    if not right:
        raise _OtherTextError(f"{at}: none of its choices is right")
    per_token = [each.lls[i][0] / each.lls[i][1] for i in range(len(each.lls))]
    chosen = float(per_token.index(max(per_token)) in right)
    if run.method == f"{SEPARATE}original" and scored is not None and scored != chosen:
        raise _OtherTextError(f"{at}: exact_match is {scored:g}, recomputed from the tokens it is {chosen:g}")
    size = bytes_of(each.references[right[0]].text, path, at)
    return Asked(tuple(each.lls[i][0] for i in range(len(each.lls))), right, size)
