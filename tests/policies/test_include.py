"""Several files that are one policy: what overrides what, what is refused, and where mistakes are said to stand."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from checkpoints_db.errors import BadPolicy
from policies import load, shelf
from policies.include import MAX_DEPTH, MAX_FILES
from policies.loader import load_file, rule_lines

BASE = """\
name = "base"
description = "what all share"

[judging]
tail = 0.02
resolve = 0.3

[roles]
safety = ["bob"]

[[rules]]
id = "break"
kind = "break"
level = "soft"
tail = 0.01

[[rules]]
id = "diagnosis"
kind = "diagnosis"
level = "soft"
"""


def write(folder: Path, **texts: str) -> Path:
    """Files of these names; the path of the first."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / f"{next(iter(texts)).replace('__', '/')}.toml"


def test_tables_are_overridden_key_by_key_and_rules_add_up(tmp_path: Path) -> None:
    mine = """\
include = ["base.toml"]
name = "mine"
[judging]
tail = 0.03
[roles]
legal = "eve"
[waivers]
max = "2d"
[[rules]]
id = "level"
kind = "level"
level = "hard"
metric = "acc"
ceiling = 0.9
"""
    policy = load(write(tmp_path, mine=mine, base=BASE))
    assert (policy.name, policy.description) == ("mine", "what all share")
    assert (policy.judging.tail, policy.judging.resolve) == (0.03, 0.3)
    assert policy.roles == {"safety": ("bob",), "legal": ("eve",)}
    assert policy.waivers.max == timedelta(days=2)
    assert [rule.id for rule in policy.rules] == ["break", "diagnosis", "level"]


def test_a_rule_is_replaced_in_its_place_and_only_by_a_word(tmp_path: Path) -> None:
    rule = '[[rules]]\nid = "break"\nkind = "break"\nlevel = "hard"\n'
    silent = write(tmp_path, silent='include = "base.toml"\n' + rule, base=BASE)
    where = re.escape(
        f"{silent}:3: the rule 'break' is included from {tmp_path / 'base.toml'}:11; write replaces = true"
    )
    with pytest.raises(BadPolicy, match=where):
        load(silent)
    policy = load(write(tmp_path, said='include = "base.toml"\n' + rule + "replaces = true\n"))
    assert [(r.id, r.level.value) for r in policy.rules] == [("break", "hard"), ("diagnosis", "soft")]
    assert "replaces" not in str(policy.body())


def test_the_digest_is_of_what_the_files_say_together(tmp_path: Path) -> None:
    alone = load(write(tmp_path, alone=BASE))
    assert load(write(tmp_path, mine='include = ["alone.toml"]\n')).digest == alone.digest
    assert load(write(tmp_path, more='include = ["alone.toml"]\nversion = "1"\n')).digest == alone.digest
    assert load(write(tmp_path, other='include = ["alone.toml"]\nversion = "2"\n')).digest != alone.digest


def test_shipped_policies_can_be_built_on(tmp_path: Path) -> None:
    policy = load(write(tmp_path, mine='include = "strict"\nname = "mine"\n[roles]\nsafety = ["bob"]\n'))
    assert policy.roles["safety"] == ("bob",)
    assert policy.rules == shelf("strict").rules


def test_a_file_that_two_files_include_counts_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top='include = ["a.toml", "sub/b.toml"]\n',
        a='include = "base.toml"\n',
        sub__b='include = "../base.toml"',
    )
    write(tmp_path, base=BASE)
    loaded = load_file(path)
    assert loaded.policy == load(tmp_path / "base.toml")
    assert [Path(file.path).name for file in loaded.gathered.files] == ["top.toml", "a.toml", "base.toml", "b.toml"]


def test_where_two_included_files_differ_the_including_one_must_decide(tmp_path: Path) -> None:
    other = BASE.replace("tail = 0.02", "tail = 0.05").replace("tail = 0.01", "tail = 0.001")
    top = 'include = ["base.toml", "other.toml"]\n'
    path = write(tmp_path, top=top, base=BASE, other=other)
    first, second = tmp_path / "base.toml", tmp_path / "other.toml"
    says = f"{path}:1: judging.tail is 0.02 at {first}:5 and 0.05 at {second}:5; say here which"
    with pytest.raises(BadPolicy, match=re.escape(says)):
        load(path)
    path = write(tmp_path, top=top + "judging.tail = 0.03\n")
    says = (
        f"the rule 'break' stands at {tmp_path / 'base.toml'}:11 and, with other terms, at {tmp_path / 'other.toml'}:11"
    )
    with pytest.raises(BadPolicy, match=re.escape(says)):
        load(path)
    rule = '[[rules]]\nid = "break"\nreplaces = true\nkind = "break"\nlevel = "soft"\ntail = 0.004\n'
    policy = load(write(tmp_path, top=top + "judging.tail = 0.03\n" + rule))
    assert policy.judging.tail == 0.03
    assert [rule.id for rule in policy.rules] == ["break", "diagnosis"]
    assert policy.rules[0].body()["tail"] == 0.004


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("tail = 0.02", "tial = 0.02", 5, "unknown key 'judging.tial'; did you mean 'tail'?"),
        ("[judging]", "[judgign]", 4, "unknown key 'judgign'; did you mean 'judging'?"),
        ('kind = "diagnosis"', 'kind = "diagnosiss"', 19, "kind: unknown rule 'diagnosiss'; did you mean 'diagnosis'?"),
        ('level = "soft"\ntail = 0.01', 'level = "soft"\ntail = "0.01"', 15, "tail: Input should be a valid number"),
        ("[roles]", "[roles", 8, "is no valid TOML"),
    ],
)
def test_a_mistake_is_said_to_stand_in_the_included_file(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    rule = '[[rules]]\nid = "zero"\nkind = "break"\nlevel = "soft"\n'
    path = write(tmp_path, top='include = ["base.toml"]\n' + rule, base=BASE.replace(old, new))
    with pytest.raises(BadPolicy, match=re.escape(f"{tmp_path / 'base.toml'}:{line}: {says}")):
        load(path)


def test_mistakes_of_several_files_are_told_together(tmp_path: Path) -> None:
    path = write(tmp_path, top='include = "base.toml"\ntitel = "x"\n', base=BASE.replace("tail = 0.02", "tial = 0.02"))
    says = f"{path}:2: unknown key 'titel'; known here: "
    with pytest.raises(BadPolicy, match=re.escape(says)) as caught:
        load(path)
    assert f"\n  also {tmp_path / 'base.toml'}: line 5: unknown key 'judging.tial'" in str(caught.value)


def test_a_ring_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, a='include = "b.toml"', b='name = "b"\ninclude = "c.toml"', c='include = "b.toml"')
    ring = re.escape(f"{tmp_path / 'c.toml'}:1: include goes round in a ring: b.toml -> c.toml -> b.toml; take one")
    with pytest.raises(BadPolicy, match=ring):
        load(path)
    alone = write(tmp_path, alone='include = "alone.toml"')
    with pytest.raises(BadPolicy, match=r"alone.toml:1: .*ring: alone.toml -> alone.toml"):
        load(alone)


def test_depth_and_number_have_limits(tmp_path: Path) -> None:
    def chain(length: int) -> Path:
        texts = {f"f{length}_{n}": f'include = "f{length}_{n + 1}.toml"\n' for n in range(length - 1)}
        return write(tmp_path, **texts, **{f"f{length}_{length - 1}": BASE})

    assert load(chain(MAX_DEPTH)).name == "base"
    with pytest.raises(
        BadPolicy, match=rf"f9_7.toml:1: include 'f9_8.toml' is nested more than {MAX_DEPTH} files deep"
    ):
        load(chain(MAX_DEPTH + 1))
    names = [f"many{n}" for n in range(MAX_FILES + 1)]
    write(tmp_path, **{name: BASE if name == "many0" else "" for name in names})
    listed = [f"{name}.toml" for name in names]
    assert load(write(tmp_path, top=f"include = {listed[:-1]}".replace("'", '"'))).name == "base"
    with pytest.raises(BadPolicy, match=rf"top.toml:1: a policy includes at most {MAX_FILES} files"):
        load(write(tmp_path, top=f"include = {listed}".replace("'", '"')))


@pytest.mark.parametrize(
    ("include", "says"),
    [
        ('"/etc/base.toml"', "include '/etc/base.toml': write a .toml file relative to this one"),
        ('"~/base.toml"', "include '~/base.toml': write a .toml file relative to this one"),
        ('"https://example.org/base.toml"', "write a .toml file relative to this one"),
        ('"file:///etc/base.toml"', "write a .toml file relative to this one"),
        ('"../base.toml"', "include '../base.toml' lies outside "),
        ('"sub/../../base.toml"', "lies outside "),
        ('"link.toml"', "include 'link.toml' lies outside "),
        ('"base.json"', "write a .toml file relative to this one"),
        (
            '"defualt"',
            "did you mean 'default'? write a .toml file relative to this one, or a shipped policy (academic,",
        ),
        ('"missing.toml"', "include 'missing.toml': there is no such file"),
        ('"folder.toml"', "include 'folder.toml': there is no such file"),
        ("3", "include is a list of files, not 3"),
        ("[3]", "include is a list of files, not [3]"),
        ('[""]', "include is a list of files"),
        ("{ a = 1 }", "include is a list of files"),
        ('["inner.toml", "inner.toml"]', "include names 'inner.toml' twice"),
    ],
)
def test_what_may_not_be_included(tmp_path: Path, include: str, says: str) -> None:
    inner = tmp_path / "inner"
    path = write(inner, top=f'name = "top"\n\ninclude = {include}\n', inner=BASE)
    write(tmp_path, base=BASE)
    (inner / "link.toml").symlink_to(tmp_path / "base.toml")
    (inner / "folder.toml").mkdir()
    with pytest.raises(BadPolicy, match=re.escape(says)) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_a_large_file_is_not_included(tmp_path: Path) -> None:
    path = write(tmp_path, top='include = "base.toml"', base=BASE + "#" * (1 << 20))
    with pytest.raises(BadPolicy, match=r"base.toml: is larger than a policy may be; it has at most 1048576 bytes"):
        load(path)


@pytest.mark.parametrize(
    ("top", "line", "says"),
    [
        (
            'include = "base.toml"\n[[rules]]\nid = "brek"\nreplaces = true\n',
            4,
            "no rule 'brek' is left to replace; did",
        ),
        ('[[rules]]\nid = "break"\nreplaces = true\n', 3, "replaces: this file includes no rules; take the key out"),
        ('include = "base.toml"\n[[rules]]\nid = "break"\nreplaces = false\n', 4, "replaces: only true may stand here"),
        ('include = "base.toml"\n[[rules]]\nid = "break"\nreplaces = 1\n', 4, "replaces: only true may stand here"),
    ],
)
def test_what_replaces_must_have_something_to_replace(tmp_path: Path, top: str, line: int, says: str) -> None:
    path = write(tmp_path, top=top, base=BASE)
    with pytest.raises(BadPolicy, match=re.escape(f"{path}:{line}: ") + ".*" + re.escape(says)):
        load(path)


def test_the_lines_of_a_rule_are_those_of_the_file_it_is_from(tmp_path: Path) -> None:
    mine = 'include = "base.toml"\n[[rules]]\nid = "break"\nkind = "break"\nlevel = "hard"\nreplaces = true\n'
    text = load_file(write(tmp_path, top=mine, base=BASE)).text
    found = {rule: rule_lines(text, rule) for rule in ("diagnosis", "break", "nothing")}
    assert found["nothing"] is None
    assert found["diagnosis"] is not None
    file, lines = found["diagnosis"]
    assert (file, lines.first, lines.last) == (str(tmp_path / "base.toml"), 17, 20)
    assert lines.text.startswith('[[rules]]\nid = "diagnosis"')
    assert found["break"] is not None
    file, lines = found["break"]
    assert (file, lines.first, lines.last) == (str(tmp_path / "top.toml"), 2, 6)
