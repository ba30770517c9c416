"""Conventions of counting FLOP: published tables, and what the catalogue does with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.catalogue.flop import CONVENTIONS, Facts, difference, missing, training_flop
from checkpoints_db.errors import SettingsError, Unplaced
from checkpoints_db.records import Metric, Reading

ACC = Metric(name="acc", kind="thresholded", lower=0, upper=1)

# Hoffmann et al. 2022, table A4: layers, width, feed-forward, heads, size of a head, parameters, ratio to 6 N D.
TABLE_A4 = [
    (10, 640, 2560, 10, 64, 73_825_280, 1.03),
    (20, 1024, 4096, 16, 64, 305_707_008, 1.10),
    (24, 1280, 5120, 10, 128, 552_604_160, 1.08),
    (26, 1792, 7168, 14, 128, 1_143_453_696, 1.04),
    (28, 2048, 8192, 16, 128, 1_593_126_912, 1.03),
    (40, 3584, 14336, 28, 128, 6_796_274_688, 0.99),
]


@pytest.mark.parametrize(("layers", "width", "inner", "heads", "size", "params", "ratio"), TABLE_A4)
def test_the_table_of_chinchilla(
    layers: int, width: int, inner: int, heads: int, size: int, params: int, ratio: float
) -> None:
    facts = Facts(
        params=params,
        tokens=1e9,
        layers=layers,
        width=width,
        context=2048,
        feedforward=inner,
        attention=heads * size,
        heads=heads,
    )
    assert difference("chinchilla", "6nd", facts) + 1 == pytest.approx(ratio, abs=0.006)


def test_megatron_is_six_times_its_parameters_and_attention() -> None:
    # Narayanan et al. 2021: P = 12 l h^2 (1 + 13 / 12 h + (V + s) / 12 l h); 72 l h^2 (1 + V / 12 l h) is 6 P without
    # biases and positions, and s / 6 h is PaLM's term.
    facts = Facts(params=12 * 96 * 12288**2 + 51200 * 12288, tokens=1.0, layers=96, width=12288, context=2048)
    facts = facts.model_copy(update={"vocabulary": 51200.0})
    assert difference("megatron", "palm", facts) == pytest.approx(0.0, abs=1e-12)


def test_every_convention_is_linear_in_tokens_and_names_what_it_lacks() -> None:
    whole = Facts(params=1e9, tokens=2e10, layers=24, width=2048, context=2048, vocabulary=32000)
    twice = whole.model_copy(update={"tokens": 4e10})
    for convention in CONVENTIONS:
        assert training_flop(convention, twice) == pytest.approx(2 * training_flop(convention, whole), rel=1e-12)
        lacks = missing(convention, Facts(params=1e9))
        assert "tokens" in lacks
        with pytest.raises(ValueError, match=", ".join(lacks)):
            training_flop(convention, Facts(params=1e9))
    assert missing("kaplan", whole) == ()
    assert missing("kaplan", Facts(params=1e9, tokens=1.0)) == ("non_embedding",)


def known(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(text)
    return Catalogue.from_toml(path)


def place(catalogue: Catalogue, model: str, **said: float) -> float | None:
    reading = Reading(task="t", metric=ACC, value=0.5, model=model, **said)  # type: ignore[arg-type]
    return catalogue.place(reading).flop


def family(convention: str, more: str = "") -> str:
    return f'[[family]]\nname = "f"\nflop_convention = "{convention}"\n{more}[[run]]\nfamily = "f"\nmatch = "{{run}}"\n'


SHAPE = "params = 1e9\ntokens = 2e10\nlayers = 16\nwidth = 2048\ncontext = 2048\n"


def test_a_family_counts_by_its_convention(tmp_path: Path) -> None:
    assert place(known(tmp_path, family("6nd") + SHAPE), "a") == 6 * 1e9 * 2e10
    palm = (6 * 1e9 + 12 * 16 * 2048 * 2048) * 2e10
    assert place(known(tmp_path, family("palm") + SHAPE), "a") == pytest.approx(palm)
    sizes = "[family.sizes]\n1b = { params = 1e9, tokens = 2e10, layers = 16, width = 2048, context = 2048 }\n"
    text = family("palm", sizes).replace("{run}", "{size}")
    assert place(known(tmp_path, text), "1b") == pytest.approx(palm)
    (tmp_path / "m.csv").write_text("model,run,params,tokens,layers,width,context\na,a,1e9,2e10,16,2048,2048\n")
    text = family("palm").replace('match = "{run}"', 'table = "m.csv"')
    assert place(known(tmp_path, text), "a") == pytest.approx(palm)
    bare = family("kaplan", 'params_counts = "non-embedding"\n') + "params = 8e8\ntokens = 2e10\n"
    assert place(known(tmp_path, bare), "a") == 6 * 8e8 * 2e10


def test_a_fact_that_is_missing_has_a_name(tmp_path: Path) -> None:
    lacking = known(tmp_path, family("palm") + SHAPE.replace("width = 2048\n", ""))
    with pytest.raises(Unplaced, match="counts FLOP by 'palm', which needs width; give them"):
        place(lacking, "a")
    assert place(lacking, "a", flop=1.3e20) == 1.3e20  # stated: nothing to count
    assert known(tmp_path, family("palm")).flop_counts("f").endswith("(PaLM, appendix B)")


def test_stated_flop_must_agree_with_the_convention(tmp_path: Path) -> None:
    catalogue = known(tmp_path, family("6nd") + SHAPE)
    assert place(catalogue, "a", flop=1.3e20) == 1.3e20
    with pytest.raises(Unplaced, match=r"1\.25 times what '6nd' counts"):
        place(catalogue, "a", flop=1.5e20)


def test_two_conventions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"catalogue\.toml:4: flop is '6\*params\*tokens'.*by 'palm'"):
        known(tmp_path, family("palm") + 'flop = "6*params*tokens"\n')
    with pytest.raises(SettingsError, match=r"catalogue\.toml:3: \[\[family\]\] flop_convention"):
        known(tmp_path, family("7nd"))


def test_targets_have_a_place_on_every_axis_that_is_known(tmp_path: Path) -> None:
    head = family("6nd", "efficiency = 2.0\n" + 'estimator = "memo"\n') + SHAPE
    catalogue = known(tmp_path, head + '[[target]]\nfamily = "f"\nname = "b"\nparams = 2e9\ntokens = 4e10\n')
    (target,) = catalogue.targets
    assert catalogue.scales(target) == {
        "params": 2e9,
        "tokens": 4e10,
        "flop": 6 * 2e9 * 4e10,
        "effective_compute": 12 * 2e9 * 4e10,
    }
    assert target.where == f"catalogue.toml:{len(head.splitlines()) + 1}"
    alone = known(tmp_path, '[[target]]\nfamily = "g"\nname = "b"\nparams = 2e9\ntokens = 4e10\n')
    assert "flop" not in alone.scales(alone.targets[0])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('family = "f"\nname = "b"\nfolp = 1e22\n', r":5: \[\[target\]\] folp: unknown key; did you mean 'flop'"),
        ('family = "f"\nname = "b"\n', r":2: \[\[target\]\]: a target needs a scale"),
        ('name = "b"\nflop = 1e22\n', r":2: \[\[target\]\] family: Field required"),
        ('family = "f"\nname = "b"\nflop = -1\n', r":5: \[\[target\]\] flop: .*greater than 0"),
        ('family = "f"\nname = "b"\nflop = 1.0\ndue = "soon"\n', r":6: \[\[target\]\] due: .*date"),
        (
            'family = "f"\nname = "b"\nflop = 1.0\n[[target]]\nfamily = "f"\nname = "b"\nflop = 2.0\n',
            r":8: \[\[target\]\] name: target 'b' of 'f' is declared twice",
        ),
    ],
)
def test_a_bad_target_is_named_by_line(tmp_path: Path, body: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        known(tmp_path, f"\n[[target]]\n{body}")
