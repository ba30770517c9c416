"""BIG-bench score files: tasks with shots, what low and high mean, and which parameters and tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import Readout, read
from checkpoints_db.records import Reading

EXAMPLE = Path(__file__).parents[1] / "data" / "readers" / "bigbench" / "scores_house_2m.json"


def body() -> Any:
    return json.loads(EXAMPLE.read_text(encoding="utf-8"))


def out_of(changed: Any, folder: Path) -> Readout:
    path = folder / "scores.json"
    path.write_text(json.dumps(changed), encoding="utf-8")
    return read(path)


def found(out: Readout) -> dict[tuple[str, str], Reading]:
    return {(reading.task, reading.metric.name): reading for reading in out.readings}


def test_subtask_and_shots_make_the_task():
    tasks = {reading.task for reading in read(EXAMPLE).readings}
    assert tasks == {"sums:two digits:0-shot", "sums:two digits:2-shot", "sums:0-shot"}


def test_a_model_worse_than_the_low_score_is_read():
    reading = found(read(EXAMPLE))["sums:two digits:0-shot", "multiple_choice_grade"]
    assert (reading.value, reading.metric.chance, reading.metric.lower) == (0.2, 0.25, 0)


def test_the_normalised_preferred_score():
    out = found(read(EXAMPLE))
    assert out["sums:two digits:0-shot", "normalized_preferred_score"].value == pytest.approx(-20 / 3)
    assert out["sums:two digits:2-shot", "normalized_preferred_score"].value == pytest.approx(20)
    assert ("sums:two digits:0-shot", "normalized_preferred_score") in out


def test_only_the_preferred_metric_has_the_chance_level():
    out = found(read(EXAMPLE))
    assert out["sums:two digits:0-shot", "multiple_choice_brier_score"].metric.chance is None


def test_brier_is_continuous_and_lower_is_better():
    metric = found(read(EXAMPLE))["sums:two digits:0-shot", "multiple_choice_brier_score"].metric
    assert (metric.kind, metric.direction) == ("continuous", "lower")


def test_scale_and_which_parameters():
    out = read(EXAMPLE)
    assert (out.readings[0].params, out.readings[0].tokens) == (2.1e6, 4096 * 10000)
    assert "params is total_params, embeddings included: 2.1e+06; non-embedding 1.6e+06" in out.notes[0]


def test_without_a_total_the_other_count_is_named(tmp_path: Path):
    changed = body()
    changed["model"]["total_params"] = 0
    out = out_of(changed, tmp_path)
    assert out.readings[0].params == 1.6e6
    assert "params is non_embedding_params" in out.notes[0]


@pytest.mark.parametrize(("steps", "tokens"), [(52, 4096 * 52), (51, None)])
def test_a_batch_in_sequences_gives_no_tokens(steps: int, tokens: float | None, tmp_path: Path):
    changed = body()
    changed["model"]["training_steps"] = steps  # a tenth of 2.1 million tokens is 51.3 batches of 4096
    out = out_of(changed, tmp_path)
    assert out.readings[0].tokens == tokens
    assert any("not counted in tokens" in note for note in out.notes) == (tokens is None)


def test_it_places_itself():
    checkpoint = Catalogue().place(read(EXAMPLE).readings[0])
    assert (checkpoint.family, checkpoint.run, checkpoint.params) == ("house", "2m", 2.1e6)


def test_models_share_conditions_and_decoding_parts_them(tmp_path: Path):
    first = read(EXAMPLE).readings[0].conditions
    changed = body()
    changed["model"].update(model_name="4m", total_params=4e6)
    assert out_of(changed, tmp_path).readings[0].conditions == first
    changed["model"]["decoding_params"] = {"temperature": 1}
    assert out_of(changed, tmp_path).readings[0].conditions != first


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"preferred_score": "bleurt"}, "preferred_score: it names no metric"),
        ({"high_score": 0.25}, "high_score: it equals low_score"),
        ({"number_of_shots": -1}, "number_of_shots"),
        ({"score_dict": [1]}, "score_dict"),
        ({"score_dict": {"multiple_choice_grade": 1.5}}, "outside 0..1"),
        ({"number_of_shots": 2}, "is there twice"),
    ],
)
def test_what_does_not_match_is_refused(change: dict[str, Any], why: str, tmp_path: Path):
    changed = body()
    changed["scores"][0].update(change)
    with pytest.raises(UnreadableFile, match=why):
        out_of(changed, tmp_path)
