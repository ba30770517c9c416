"""The example catalogue of public ladders: every name a harness logs is placed with the published scales."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import Unplaced
from checkpoints_db.records import Checkpoint, Metric, Reading

CATALOGUE = Catalogue.from_toml(Path(__file__).parents[2] / "examples" / "public-ladders.toml")
STEPS = (0, *(2**i for i in range(10)), 1000, *range(3000, 143001, 10000))
# layers, width: non-embedding parameters are 12 L d^2 + 13 L d + 2 d (Biderman et al. 2023, table 1)
PYTHIA = {
    "70m": (6, 512),
    "160m": (12, 768),
    "410m": (24, 1024),
    "1b": (16, 2048),
    "1.4b": (24, 2048),
    "2.8b": (32, 2560),
    "6.9b": (32, 4096),
    "12b": (36, 5120),
}


def place(model: str, **said: float) -> Checkpoint:
    reading = Reading(task="t", metric=Metric(name="acc", kind="thresholded"), value=0.5, model=model, **said)  # type: ignore[arg-type]
    return CATALOGUE.place(reading)


@pytest.mark.parametrize("size", PYTHIA)
def test_every_pythia_name_of_the_authors_evaluations(size: str) -> None:
    layers, width = PYTHIA[size]
    params = 12 * layers * width**2 + 13 * layers * width + 2 * width
    for step in STEPS:
        said = f"EleutherAI/pythia-v1.1-{size}{'-bf16' if size == '1b' else ''}@step{step}"
        found = place(said, params=1e6)  # what the harness counted is not used
        tokens = step * 2_097_152
        assert (found.family, found.run, found.step, found.params) == ("pythia", size, step, params)
        assert (found.tokens, found.flop) == ((tokens, 6 * params * tokens) if step else (None, None))
    assert len(STEPS) * len(PYTHIA) == 216


@pytest.mark.parametrize(
    ("model", "place_", "scales"),
    [
        ("EleutherAI/pythia-1.4b@step1000", "pythia/1.4b@1000", (1_208_602_624, 2_097_152_000)),
        ("EleutherAI/pythia-12b", "pythia/12b@143000", (11_327_027_200, 299_892_736_000)),
        ("EleutherAI/pythia-70m-deduped@step512", "pythia-deduped/70m@512", (18_915_328, 1_073_741_824)),
        ("EleutherAI/pythia-6.9b-deduped", "pythia-deduped/6.9b@143000", (6_444_163_072, 299_892_736_000)),
        ("EleutherAI/pythia-v1.1-1b-deduped@step1", "pythia-deduped/1b@1", (805_736_448, 2_097_152)),
        ("allenai/OLMo-7B@step1000-tokens4B", "olmo/7B@1000", (6_888_095_744, 4e9)),
        ("allenai/OLMo-1B-hf@step20000-tokens84B", "olmo/1B@20000", (1_176_764_416, 84e9)),
        ("allenai/OLMo-2-1124-7B@stage1-step150-tokens1B", "olmo-2-stage1/7B@150", (7_298_617_344, 1e9)),
        ("allenai/OLMo-2-0325-32B@stage1-step721901-tokens6056B", "olmo-2-stage1/32B@721901", (32_234_279_936, 6056e9)),
        (
            "allenai/DataDecide-dolma1_7-150M@step38157-seed-default",
            "datadecide-dolma1_7/150M-default@38157",
            (151_898_880, 38157 * 192 * 2048),
        ),
        ("cerebras/Cerebras-GPT-1.3B", "cerebras-gpt/1.3B@2.63e+10tok", (1.3e9, 26.3e9)),
        ("Qwen/Qwen2.5-0.5B", "qwen2.5/0.5B@1.8e+13tok", (0.36e9, 18e12)),
        ("meta-llama/Llama-2-70b-hf", "llama-2/70b@2e+12tok", (68_976_648_192, 2e12)),
    ],
)
def test_names_of_public_ladders(model: str, place_: str, scales: tuple[float, float]) -> None:
    found = place(model, params=1e6)
    assert (found.id, (found.params, found.tokens)) == (place_, scales)
    assert found.flop == pytest.approx(6 * scales[0] * scales[1], rel=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        "EleutherAI/pythia-v0-70m@step1000",
        "EleutherAI/pythia-70m-seed3@step1000",
        "EleutherAI/pythia-3b@step1000",
        "allenai/OLMo-2-1124-7B@stage2-ingredient1-step1000-tokens5B",
        "allenai/OLMo-2-1124-7B",
        "allenai/DataDecide-c4-150M@step1250-seed-default",
        "Qwen/Qwen2.5-7B-Instruct",
        "meta-llama/Llama-2-7b-chat-hf",
    ],
)
def test_other_recipes_have_no_place(model: str) -> None:
    with pytest.raises(Unplaced):
        place(model)


def test_every_family_says_what_its_flop_count() -> None:
    assert [f.name for f in CATALOGUE.families if not CATALOGUE.flop_counts(f.name)] == []
    for family in CATALOGUE.families:
        assert family.params_counts is None or family.params_counts in family.flop_counts
