"""The catalogue: what it places, what it refuses to guess, and how it complains of its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.catalogue import Catalogue, Run
from checkpoints_db.catalogue.pattern import AmbiguousError, amount, captures
from checkpoints_db.errors import SettingsError, Unplaced
from checkpoints_db.records import Metric, Reading

SKILLS = """
[[family]]
name = "tiny-skills"
axis = "flop"

[[run]]
family = "tiny-skills"
match = "ckpt/{run}-seed0-step{step}"
tokens_per_step = 4096
flop = "6*params*tokens"
"""
PYTHIA = """
[[family]]
name = "pythia"
compare_at = "any"

[[run]]
family = "pythia"
match = "*/pythia-{size}@step{step}"
tokens_per_step = 2_097_152
flop = "6*params*tokens"
"""


def catalogue(folder: Path, text: str) -> Catalogue:
    path = folder / "catalogue.toml"
    path.write_text(text, "utf-8")
    return Catalogue.from_toml(path)


def reading(model: str, **fields: Any) -> Reading:
    return Reading(task="t", metric=Metric(name="acc", kind="thresholded"), value=0.5, model=model, **fields)


def test_a_pattern_places_a_checkpoint(tmp_path: Path):
    found = catalogue(tmp_path, SKILLS).place(reading("ckpt/m3-seed0-step3000", params=1000))
    assert (found.family, found.run, found.step, found.stage) == ("tiny-skills", "m3", 3000, "step 3000")
    assert (found.params, found.tokens, found.flop) == (1000, 3000 * 4096, 6 * 1000 * 3000 * 4096)
    assert found.id == "tiny-skills/m3@3000"


def test_sizes_give_parameters_and_name_the_run(tmp_path: Path):
    found = catalogue(tmp_path, PYTHIA).place(reading("EleutherAI/pythia-1.4b@step1000", params=1414647808))
    assert (found.run, found.params, found.step, found.stage) == ("1.4b", 1.4e9, 1000, "")
    assert found.tokens == 2_097_152_000
    assert found.flop == pytest.approx(6 * 1.4e9 * 2_097_152_000)


def test_step_nought_has_no_tokens_and_no_flop(tmp_path: Path):
    found = catalogue(tmp_path, PYTHIA).place(reading("x/pythia-70m@step0"))
    assert (found.step, found.params, found.tokens, found.flop) == (0, 70e6, None, None)


def test_run_templates_and_fixed_values(tmp_path: Path):
    text = '[[run]]\nfamily = "f"\nmatch = "m-{size}"\nrun = "model-{size}"\ntokens = 2e12\nflop = 1e24\nstep = 7\n'
    found = catalogue(tmp_path, text).place(reading("m-7b"))
    assert (found.run, found.tokens, found.flop, found.step, found.params) == ("model-7b", 2e12, 1e24, 7, 7e9)


def test_the_step_may_come_from_the_source(tmp_path: Path):
    known = catalogue(tmp_path, '[[run]]\nfamily = "f"\nmatch = "{run}"\ntokens_per_step = 3\nparams = 5\n')
    assert known.place(reading("a", step=7)).tokens == 21
    assert known.place(reading("a", tokens=20)).tokens == 20
    with pytest.raises(Unplaced, match="tokens_per_step needs a step"):
        known.place(reading("a"))


def test_tokens_may_be_captured(tmp_path: Path):
    found = catalogue(tmp_path, '[[run]]\nfamily = "f"\nmatch = "{run}-{tokens}"\n').place(reading("olmo-300B"))
    assert (found.run, found.tokens, found.stage) == ("olmo", 3e11, "")


def test_the_whole_name_must_match(tmp_path: Path):
    known = catalogue(tmp_path, PYTHIA)
    for model in ("x/pythia-1.4b@step1000-extra", "pythia-1.4b@step1000", "x/pythia-big@step1", "x/pythia-1.4b@step"):
        with pytest.raises(Unplaced, match=r"no \[\[run\]\] matches"):
            known.place(reading(model))


def test_literal_characters_are_literal():
    assert captures("a.b+{run}", "axb+c") is None
    assert captures("a.b+{run}", "a.b+c") == {"run": "c"}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("{run}{step}", "m12"), ("*{step}", "ckpt3000"), ("{run}-*", "a-b-c"), ("{run}{size}", "pythia12b")],
)
def test_what_can_be_read_in_two_ways_is_not_read(pattern: str, name: str):
    with pytest.raises(AmbiguousError, match="two ways"):
        captures(pattern, name)


def test_an_ambiguous_name_is_unplaced(tmp_path: Path):
    text = '[[run]]\nfamily = "f"\nmatch = "{run}{step}"\nparams = 1\n'
    with pytest.raises(Unplaced, match="two ways: run=m1 step=2, or run=m step=12"):
        catalogue(tmp_path, text).place(reading("m12"))


def test_a_repeated_placeholder_must_repeat():
    assert captures("{run}/{run}-step{step}", "a/a-step1") == {"run": "a", "step": "1"}
    assert captures("{run}/{run}-step{step}", "a/b-step1") is None


def test_amounts():
    texts = ("70m", "1.4b", "6.9B", "300", "2t", "0.5k")
    assert [amount(text) for text in texts] == [7e7, 1.4e9, 6.9e9, 300, 2e12, 500]
    for text in ("", "b", "1.b", "-1b", "1e9", "٣m"):
        with pytest.raises(ValueError, match="not a count"):
            amount(text)


def test_two_matches_place_nothing_and_name_both(tmp_path: Path):
    text = SKILLS + '[[run]]\nfamily = "other"\nmatch = "ckpt/{run}"\nparams = 1\n'
    both = r"pattern 'ckpt/\{run\}-seed0-step\{step\}' and pattern 'ckpt/\{run\}' match it"
    with pytest.raises(Unplaced, match=both):
        catalogue(tmp_path, text).place(reading("ckpt/m3-seed0-step3000", params=1))


def test_no_scale_is_unplaced_and_says_so(tmp_path: Path):
    with pytest.raises(Unplaced, match="neither parameters nor tokens nor FLOP"):
        catalogue(tmp_path, '[[run]]\nfamily = "f"\nmatch = "{run}"\n').place(reading("x"))
    with pytest.raises(Unplaced, match="neither parameters nor tokens nor FLOP"):
        Catalogue().place(reading("f/x", family="f", run="x"))


def test_a_reading_that_names_its_place_is_taken_at_its_word():
    found = Catalogue().place(reading("f/x", family="f", run="x", step=10, flop=1e20))
    assert (found.family, found.run, found.stage, found.flop, found.params) == ("f", "x", "step 10", 1e20, None)


def test_half_a_place_is_none():
    with pytest.raises(Unplaced, match="does not name family and run"):
        Catalogue().place(reading("x", run="x", flop=1e20))


def test_the_catalogue_wins_over_the_source_and_disagreement_is_said(tmp_path: Path):
    known = catalogue(tmp_path, '[[run]]\nfamily = "ours"\nmatch = "theirs/{run}"\nflop = 1e20\n')
    assert known.place(reading("theirs/a", family="theirs", run="a", flop=1.005e20)).family == "ours"
    with pytest.raises(Unplaced, match=r"flop is 1\.02e\+20 in the source and 1e\+20 in the catalogue"):
        known.place(reading("theirs/a", family="theirs", run="a", flop=1.02e20))


def test_steps_must_agree_exactly(tmp_path: Path):
    with pytest.raises(Unplaced, match="step is 3001 in the source and 3000"):
        catalogue(tmp_path, SKILLS).place(reading("ckpt/m-seed0-step3000", step=3001, params=1))


def test_the_parameter_count_of_a_harness_is_only_a_last_resort(tmp_path: Path):
    """Harnesses count embeddings; 70m in the name and 70426624 in the log are no contradiction."""
    assert catalogue(tmp_path, PYTHIA).place(reading("x/pythia-70m@step1", params=95e6)).params == 70e6
    with pytest.raises(Unplaced, match=r"params is 9\.5e\+07"):
        catalogue(tmp_path, PYTHIA).place(reading("x/pythia-70m@step1", params=95e6, family="pythia", run="70m"))


TABLE = "family,run,model,layers,params,step,tokens,flop\n"


def with_table(folder: Path, rows: str, head: str = TABLE, keys: str = "") -> Catalogue:
    (folder / "models.csv").write_text(head + rows, "utf-8")
    return catalogue(folder, f'[[run]]\ntable = "models.csv"\n{keys}')


def test_a_table_places_by_exact_name(tmp_path: Path):
    known = with_table(tmp_path, "f,m0,ckpt/m0,1,5360,375,1536000,3.8e10\nf,m1,ckpt/m1,2,9000,375,1536000,8e10\n")
    found = known.place(reading("ckpt/m1", params=123))
    assert (found.id, found.params, found.tokens, found.flop) == ("f/m1@375", 9000, 1536000, 8e10)
    with pytest.raises(Unplaced):
        known.place(reading("ckpt/m10"))


def test_braces_and_stars_in_a_table_are_text(tmp_path: Path):
    known = with_table(tmp_path, "f,a{b}*,m*{step},1,10,,,\n")
    assert known.place(reading("m*{step}")).run == "a{b}*"


def test_keys_beside_the_table_fill_its_holes(tmp_path: Path):
    known = with_table(
        tmp_path,
        "a,x/a,10,100\n",
        "run,model,params,step\n",
        'family = "f"\ntokens_per_step = 4\nflop = "6*params*tokens"\n',
    )
    found = known.place(reading("x/a"))
    assert (found.family, found.tokens, found.flop) == ("f", 400, 24000)


def test_a_table_and_a_pattern_that_both_match_place_nothing(tmp_path: Path):
    known = with_table(tmp_path, "f,m0,ckpt/m0,1,5360,,,\n", keys='[[run]]\nfamily = "f"\nmatch = "ckpt/{run}"\n')
    with pytest.raises(Unplaced, match=r"models\.csv, line 2 and pattern"):
        known.place(reading("ckpt/m0"))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("f,m0,a,1,5360,,,\nf,m0,a,1,5360,,,\n", r"models\.csv:3: model 'a' is already on line 2"),
        ("f,m0,a,1,-5,,,\n", r"models\.csv:2: column 'params': '-5' is not a number"),
        ("f,m0,a,1,0,,,\nf,m1,b,1,nan,,,\n", r"models\.csv:3: column 'params': 'nan'"),
        ("f,m0,a,1,5,1.5,,\n", r"models\.csv:2: column 'step': '1.5' is not whole"),
        ("f,m0,a,1,5,1\n", r"models\.csv:2: 6 cells where the header has 8"),
        ("f,,a,1,5,1,,\n", r"models\.csv:2: column 'run' is empty"),
        (",m0,a,1,5,1,,\n", r"models\.csv:2: column 'family' is empty"),
        ('f,m0,"a,1,5,1,,\n', r"models\.csv:2: not CSV"),
    ],
)
def test_a_bad_table_is_named_by_line(rows: str, why: str, tmp_path: Path):
    with pytest.raises(SettingsError, match=why):
        with_table(tmp_path, rows)


def test_a_table_without_models(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"models\.csv:1: column 'model' occurs 0 times"):
        with_table(tmp_path, "a,1\n", "run,params\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x =\n", "not TOML: .*line 1"),
        ('[[runs]]\nfamily = "f"\n', r":1: runs: unknown key; did you mean 'run'"),
        ('[run]\nfamily = "f"\n', r":1: run: write it as \[\[run\]\]"),
        ('\n[[run]]\nfamily = "f"\nmacth = "x"\n', r":4: \[\[run\]\] macth: unknown key; did you mean 'match'"),
        (
            '[[run]]\nfamily = "f"\nmatch = "{run}"\n[[run]]\nfamily = "f"\nmatch = "{sept}"\n',
            r":4: \[\[run\]\]: unknown placeholder \{sept\}; did you mean \{step\}",
        ),
        ('[[run]]\nfamily = "f"\nmatch = "a{run"\n', "a brace without its partner"),
        ('[[run]]\nfamily = "f"\nmatch = "{step}"\n', "captures neither"),
        (
            '[[run]]\nfamily = "f"\nmatch = "{run}"\nrun = "{size}"\n',
            r"run uses \{size\}, which match does not capture",
        ),
        ('[[run]]\nfamily = "f"\nmatch = "{size}"\nparams = 3\n', r"params is given, and match captures \{size\}"),
        ('[[run]]\nfamily = "f"\nmatch = "{run}@{step}"\ntokens_per_step = 3\ntokens = 4\n', "both give the tokens"),
        ('[[run]]\nfamily = "f"\nmatch = "{run}"\nparams = true\n', r":4: \[\[run\]\] params: .*number"),
        ('[[run]]\nfamily = "f"\nmatch = "{run}"\nparams = "7b"\n', r":4: \[\[run\]\] params: .*'7b'"),
        ('[[run]]\nfamily = "f"\nmatch = "{run}"\nparams = -1\n', r":4: \[\[run\]\] params: .*greater than 0"),
        ('[[run]]\nfamily = "f"\nmatch = "{run}"\nparams = inf\n', r":4: \[\[run\]\] params: .*finite"),
        ('[[run]]\nfamily = "f"\nmatch = "{run}"\nflop = "6*n*d"\n', r":4: \[\[run\]\] flop"),
        ('[[run]]\nmatch = "{run}"\n', r":1: \[\[run\]\] family: Field required"),
        ('[[run]]\nfamily = "f"\nrun = "x"\n', "give match, or table"),
        ('[[run]]\nfamily = "f"\nmodel = "x"\nrun = "x"\n', "model: unknown key"),
        ('[[run]]\ntable = "t.csv"\nmatch = "{run}"\n', "remove this key"),
        ("[[run]]\ntable = 3\n", "name of a CSV"),
        ('[[run]]\ntable = "gone.csv"\n', r"gone\.csv: cannot be opened"),
        ('[[family]]\nname = "f"\naxis = "flops"\n', r":3: \[\[family\]\] axis: .*'flop'"),
        (
            '[[family]]\nname = "f"\naxis = "tokens,params"\n',
            r":3: \[\[family\]\] axis: .*'params,tokens'.*tokens,params",
        ),
        (
            '[[family]]\nname = "f"\naxis = "params,tokens"\ncompare_at = "step"\n',
            r':\d: \[\[family\]\].*compare_at = "step" cuts the plane of axis = "params,tokens".*take one of them out',
        ),
        ('[[family]]\nname = "f"\ncompare_at = "end"\n', r":3: \[\[family\]\] compare_at: .*'step'"),
        ('[[family]]\nname = "f"\n[[family]]\nname = "f"\n', r":4: \[\[family\]\] name: family 'f' is declared twice"),
        ('[[together]]\ntasks = ["a"]\n', r":2: \[\[together\]\] tasks"),
        ('[[together]]\ntasks = ["a", "{tsk}"]\n', r"may hold \{task\} once"),
        ('[[together]]\ntasks = ["{task}", "a_ll"]\n', "so each of them needs it"),
        ('[[composition]]\ntask = "a"\n', r":1: \[\[composition\]\]: .*needs two parts"),
        ('[[composition]]\ntask = "a"\nparts = ["b"]\n', "needs two parts"),
        ('[[composition]]\ntask = "a"\nparts = ["b", "a"]\n', "'a' cannot be a part of itself"),
        ('[[composition]]\ntask = "a"\nstep = 3\n', r":3: \[\[composition\]\] step: unknown key; did you mean 'steps'"),
        ('[[composition]]\ntask = "a"\nsteps = 2.5\n', r":3: \[\[composition\]\] steps"),
        (2 * '[[composition]]\ntask = "a"\nsteps = 2\n', r":5: \[\[composition\]\] task: .*'a' is declared twice"),
    ],
)
def test_a_bad_catalogue_names_file_line_and_key(text: str, why: str, tmp_path: Path):
    with pytest.raises(SettingsError, match=why) as caught:
        catalogue(tmp_path, text)
    assert str(tmp_path) in str(caught.value)


def test_a_catalogue_that_is_not_there(tmp_path: Path):
    with pytest.raises(SettingsError, match="cannot be opened"):
        Catalogue.from_toml(tmp_path / "gone.toml")


def test_questions(tmp_path: Path):
    known = catalogue(
        tmp_path,
        '[[together]]\ntasks = ["{task}", "{task}_ll"]\n[[together]]\ntasks = ["arc", "arc_easy_cf", "arc_easy_gen"]\n',
    )
    asked = {"add2": "add2", "add2_ll": "add2", "arc_easy_cf": "arc", "arc": "arc", "other": "other"}
    assert {task: known.question(task) for task in asked} == asked
    assert Catalogue().question("add2_ll") == "add2_ll"


def test_axis_is_declared_or_none(tmp_path: Path):
    known = catalogue(tmp_path, SKILLS)
    assert (known.axis("tiny-skills"), known.axis("nobody")) == ("flop", None)


def test_the_digest_follows_the_content_and_not_the_use(tmp_path: Path):
    known = with_table(tmp_path, "f,m0,ckpt/m0,1,5360,,,\n")
    before = known.digest
    known.place(reading("ckpt/m0"))
    assert known.digest == before
    assert known == with_table(tmp_path, "f,m0,ckpt/m0,1,5360,,,\n")
    assert with_table(tmp_path, "f,m0,ckpt/m0,1,5361,,,\n").digest != before


def test_a_catalogue_can_be_written_in_python():
    known = Catalogue(runs=(Run(family="f", match="{run}-{size}"),))
    assert known.place(reading("a-1b")).id == "f/a"


def test_on_two_axes_no_step_is_a_series_of_its_own(tmp_path: Path):
    runs = '[[run]]\nfamily = "f"\nmatch = "{size}@{step}"\n'
    path = tmp_path / "c.toml"
    path.write_text('[[family]]\nname = "f"\naxis = "params,tokens"\n' + runs + "tokens_per_step = 1000\n")
    known = Catalogue.from_toml(path)
    at = known.place(_plain("70m@3000"))
    assert (at.stage, at.step, at.place("params,tokens")) == ("", 3000, (70e6, 3e6))
    assert known.place(_plain("70m@0")).place("params,tokens") is None, (
        "it has a place in its run, and none in a ladder"
    )
    path.write_text('[[family]]\nname = "f"\naxis = "params,tokens"\n' + runs)
    with pytest.raises(Unplaced, match="ordered by parameters and tokens, and its tokens are unknown; give tokens or"):
        Catalogue.from_toml(path).place(_plain("70m@3000"))


def _plain(model: str) -> Reading:
    return Reading(model=model, task="t", metric=Metric(name="m", kind="continuous"), value=1.0)


def test_a_composition_counts_its_parts(tmp_path: Path):
    text = '[[composition]]\ntask = "add3"\nparts = ["digit", "carry", "digit"]\nsteps = 2\n'
    (found,) = catalogue(tmp_path, text + '[[composition]]\ntask = "walk"\nsteps = 8\n').compositions[:1]
    assert found.counted == {"digit": 4, "carry": 2}
    assert found.formula == "add3 = digit^4 and carry^2"
    (alone,) = catalogue(tmp_path, '[[composition]]\ntask = "walk"\nsteps = 8\n').compositions
    assert (alone.counted, alone.formula) == ({}, "walk = 8 steps")
