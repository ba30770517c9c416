"""`[[test]]` tables: how they are read, what is refused, and that they are no part of the policy."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Reason
from policies.calendar_span import CalendarSpan
from policies.loader import load_file

POLICY = """\
name = "mine"

[[rules]]
id = "break"
kind = "break"
level = "soft"

[[test]]
name = "one"
given = { ladder = "jump", drop = "task-2", late = "48h", assessed = { ago = "6mo", since = "1.99x" } }
expect = { answer = "pause", rule = "break", reason = "broken" }

[[test]]
name = "two"
expect = "GO"
"""


def written(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_tests_are_read(tmp_path: Path) -> None:
    one, two = load_file(written(tmp_path, POLICY)).tests
    assert (one.given.ladder, one.given.drop, one.given.late) == ("jump", ("task-2",), timedelta(hours=48))
    assert (one.given.assessed[0].ago, one.given.assessed[0].since) == (CalendarSpan(months=6), 1.99)
    assert (one.expect.answer, one.expect.rule, one.expect.reason) == (Answer.PAUSE, "break", Reason.broken)
    assert (two.given.ladder, two.expect.answer, two.expect.rule) == ("straight", Answer.GO, None)


def test_tests_are_no_terms_and_not_included(tmp_path: Path) -> None:
    with_tests = load_file(written(tmp_path, POLICY))
    without = load_file(written(tmp_path, POLICY.split("[[test]]", maxsplit=1)[0], "bare"))
    assert with_tests.policy.digest == without.policy.digest
    assert "test" not in with_tests.policy.body()
    including = load_file(written(tmp_path, 'include = "mine.toml"\n', "including"))
    assert including.policy.digest == with_tests.policy.digest
    assert including.tests == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('ladder = "jump"', 'ladder = "jmup"', 10, "given.ladder: Input should be 'straight', 'jump'"),
        ('ladder = "jump"', 'ladder = "jmup"', 10, "; did you mean 'jump'?"),
        ('ladder = "jump"', 'lader = "jump"', 10, "unknown key 'given.lader'; did you mean 'ladder'?"),
        ('since = "1.99x"', "since = 1.99", 10, 'write a number and an x: "1.99x"'),
        ('ago = "6mo"', "agos = 1", 10, "unknown key 'given.assessed.0.agos'; did you mean 'ago'?"),
        ('answer = "pause"', 'answer = "stop"', 11, "expect.answer: Input should be 'GO', 'WARN', 'HOLD' or 'PAUSE'"),
        ('rule = "break"', 'rule = "brek"', 11, "expect.rule: the policy has no rule 'brek'; did you mean 'break'?"),
        ('reason = "broken"', 'reason = "brokn"', 11, "did you mean 'broken'?"),
        ('name = "two"', 'name = "one"', 14, "two tests have the name 'one'; give each its own"),
        ('expect = "GO"', "", 13, "the key 'expect' is missing; add it"),
        ('[[test]]\nname = "two"', '[[tests]]\nname = "two"', 13, "unknown key 'tests'; did you mean 'test'?"),
    ],
)
def test_mistakes_are_refused_with_their_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert POLICY.count(old) == 1
    path = written(tmp_path, POLICY.replace(old, new))
    with pytest.raises(BadPolicy, match=re.escape(says)) as caught:
        load_file(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_one_bracket_is_one_too_few(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"mine.toml:8: test is a list of tables; write \[\[test\]\]"):
        load_file(written(tmp_path, POLICY.split("[[test]]", maxsplit=1)[0] + '[test]\nname = "one"\nexpect = "GO"\n'))
