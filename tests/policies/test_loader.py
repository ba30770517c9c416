"""Every mistake in a policy file is refused, with the line and the nearest known name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from checkpoints_db.errors import BadPolicy, UnknownName
from policies import find, load, shelf, shelf_names
from policies.loader import from_body

GOOD = """\
# a comment
name = "mine"

[judging]
tail = 0.02

[release]
approval_ttl = "48h"

[owners]
"tiny/*" = "olga"

[[rules]]
id = "one"
kind = "break"
level = "soft"
select = { task = "cyber*" }

[[rules]]
id = "two"
kind = "diagnosis"
level = "hard"
[rules.answers]
inconclusive = "warn"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_policy(tmp_path: Path) -> None:
    policy = load(written(tmp_path, GOOD))
    assert policy.judging.tail == 0.02
    assert policy.release.approval_ttl == timedelta(hours=48)
    assert policy.owners_of("tiny", "m4") == ("olga",)
    assert policy.owners_of("huge", "m4") == ()
    assert [rule.kind for rule in policy.rules] == ["break", "diagnosis"]
    assert policy.rules[0].select.task == ("cyber*",)
    assert from_body(policy.body()) == policy


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("tail = 0.02", "tial = 0.02", 5, "unknown key 'judging.tial'; did you mean 'tail'?"),
        ("tail = 0.02", "frobnicate = 1", 5, "unknown key 'judging.frobnicate'; known here: tail, resolve, min_rungs"),
        ("tail = 0.02", 'tail = "0.02"', 5, "judging.tail: Input should be a valid number, not '0.02'"),
        ("tail = 0.02", "tail = true", 5, "valid number"),
        ("tail = 0.02", "tail = nan", 5, "finite number"),
        ("tail = 0.02", "tail = 0.5", 5, "less than or equal to 0.2, not 0.5"),
        ("tail = 0.02", "min_rungs = 4.5", 5, "judging.min_rungs"),
        ("tail = 0.02", "tail = ", 5, "no valid TOML"),
        ("tail = 0.02", "tail = 0.02\ntail = 0.03", 6, "no valid TOML: Cannot overwrite a value"),
        ("[judging]", "[judgign]", 4, "unknown key 'judgign'; did you mean 'judging'?"),
        ("[judging]", "judging.resolve = 7\n[judging2]", 4, "judging.resolve: Input should be less than or equal to 1"),
        ('"48h"', "48", 8, "48 is not a length of time; write a number and a unit"),
        ('"48h"', '"48"', 8, "'48' is not a length of time; write a number and a unit"),
        ('"48h"', '"2mo"', 8, "months have no fixed length"),
        ('"48h"', '"0h"', 8, "more than nothing"),
        ('"48h"', '"9999d"', 8, "at most 3660d"),
        ('"48h"', '"99999999999999999w"', 8, "at most 3660d"),
        ("[owners]", "[notify]", 10, "notify"),
        ('id = "two"', 'id = "one"', 20, "two rules have the id 'one'"),
        ('id = "two"', 'id = "Two words"', 20, "id: String should match pattern"),
        ('id = "two"', 'id = "house"', 20, "taken by the house"),
        ('id = "two"', "", 19, "the key 'id' is missing; add it"),
        ('kind = "diagnosis"', 'kind = "diagnoses"', 21, "unknown rule 'diagnoses'; did you mean 'diagnosis'?"),
        ('kind = "diagnosis"', "", 19, "a rule needs its kind as text, one of: break, diagnosis, level, evidence"),
        ('kind = "diagnosis"', "kind = 3", 21, "a rule needs its kind as text"),
        ('level = "hard"', 'level = "hrad"', 22, "did you mean 'hard'?"),
        ('inconclusive = "warn"', 'inconclusive = "go"', 24, "answers.inconclusive: Input should be 'warn', 'hold' or"),
        ('inconclusive = "warn"', 'on_tend = "go"', 24, "unknown key 'answers.on_tend'; did you mean 'on_trend'?"),
        ('"cyber*" }', '"cyber*", tsk = "x" }', 17, "unknown key 'select.tsk'; did you mean 'task'?"),
        ('"cyber*" }', '"cyber*", kind = "continous" }', 17, "did you mean 'continuous'?"),
        ('task = "cyber*"', "task = []", 17, "at least 1 item"),
        ('name = "mine"', "", 1, "the key 'name' is missing; add it"),
        ('name = "mine"', 'name = "mine"\nname2 = """\n[judging]\ntail = 9\n"""', 3, "unknown key 'name2'"),
        ("[release]", '[release]\nrequire_roles = ["safety"]', 8, "asks for 'safety', which .roles. does not name"),
    ],
)
def test_mistakes_are_refused_with_their_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) == 1
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BadPolicy, match=message.replace("?", r"\?").replace("*", r"\*")) as caught:
        load(path)
    where = f"{path}:{line}: " if line else f"{path}: "
    assert str(caught.value).startswith(where)


def test_a_diagnosis_cannot_select_metrics(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace('level = "hard"', 'level = "hard"\nselect = { kind = "continuous" }'))
    with pytest.raises(BadPolicy, match="reads all metrics of a task together"):
        load(path)


def test_all_mistakes_are_named_the_first_one_first(tmp_path: Path) -> None:
    text = GOOD.replace("tail = 0.02", "tial = 0.02").replace('level = "hard"', 'level = "hrad"')
    with pytest.raises(BadPolicy, match=r"policy.toml:5: unknown key 'judging.tial'[^\n]*\n  also line 22: level"):
        load(written(tmp_path, text))


@pytest.mark.parametrize(
    "rules", ["", "rules = []", "rules = 3", "rules = [1]", '[rules]\nid = "one"\nkind = "break"\nlevel = "soft"']
)
def test_no_rules_or_no_list_of_rules(tmp_path: Path, rules: str) -> None:
    with pytest.raises(BadPolicy, match=r"\[\[rules\]\]"):
        load(written(tmp_path, f'name = "mine"\n{rules}\n'))


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"cannot be read: .*shipped policies are academic, default, "):
        load(tmp_path / "nowhere.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b'name = "x"\n\xff\xfe\x00')
    with pytest.raises(BadPolicy, match=r"binary.toml:2: is not UTF-8"):
        load(binary)
    large = written(tmp_path, GOOD + "#" * (1 << 20))
    with pytest.raises(BadPolicy, match="at most 1048576"):
        load(large)
    deep = written(tmp_path, "name = " + "[" * 100_000)
    with pytest.raises(BadPolicy, match="no valid TOML"):
        load(deep)


def test_windows_files_load(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).name == "mine"


def test_a_date_is_no_value_of_a_policy(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"policy.toml:5: judging.tail"):
        load(written(tmp_path, GOOD.replace("tail = 0.02", "tail = 2026-11-02")))


def test_the_digest_is_of_what_the_policy_says(tmp_path: Path) -> None:
    policy = load(written(tmp_path, GOOD))
    spelled = load(written(tmp_path, GOOD.replace('"48h"', '"2d"').replace("# a comment", "# other")))
    stricter = load(written(tmp_path, GOOD.replace('"cyber*"', '"cyber"')))
    assert spelled.digest == policy.digest
    assert stricter.digest != policy.digest
    answers = load(written(tmp_path, GOOD.replace('inconclusive = "warn"', 'inconclusive = "hold"')))
    assert answers.digest != policy.digest


def test_find(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert find("default") == shelf("default")
    assert find("policy.toml", tmp_path) == find(str(path)) == load(path)
    with pytest.raises(UnknownName, match="did you mean 'default'"):
        find("defualt", tmp_path)
    with pytest.raises(BadPolicy, match="cannot be read"):
        find("missing.toml", tmp_path)
    assert {"default", "shadow", "strict"} <= set(shelf_names())
