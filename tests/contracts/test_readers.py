"""One contract, run over every registered reader."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from acme import LOG
from more_readers import MORE, read

from checkpoints_db.errors import EvidenceError, IncompleteResult, UnknownFormat, UnreadableFile
from checkpoints_db.readers import HEAD_BYTES, MAX_BYTES, READERS, Readout
from checkpoints_db.readers.context import context_of
from checkpoints_db.records import Reading

DATA = Path(__file__).parents[1] / "data" / "readers"
OWN = {
    "lm_eval": ("lm_eval_0_4_13", "lm_eval_0_4_2", "lm_eval_0_3"),
    "inspect": ("inspect",),
    "helm": ("helm_mc", "helm_lm"),
    "openai_evals": ("openai_evals",),
    "bigbench": ("bigbench",),
    "olmes": ("olmes",),
    "table": ("table",),
}
EXAMPLES = [
    (name, path) for name, folders in OWN.items() for folder in folders for path in sorted((DATA / folder).iterdir())
] + [("acme", LOG), ("columns", DATA / "columns" / "history.csv")]
TEXTS = [(name, path) for name, path in EXAMPLES if path.suffix not in (".eval", ".parquet")]
each_text = pytest.mark.parametrize(("name", "path"), TEXTS, ids=lambda x: x.name if isinstance(x, Path) else x)
each_example = pytest.mark.parametrize(("name", "path"), EXAMPLES, ids=lambda x: x.name if isinstance(x, Path) else x)


ASKED = {reader.name: reader for reader in (*READERS, *MORE)}


def test_every_registered_reader_has_an_example():
    assert set(READERS.names()) == set(OWN)


@each_example
def test_its_own_reader_recognises_it_and_nobody_else(name: str, path: Path):
    head = path.read_bytes()[:HEAD_BYTES]
    assert [reader.name for reader in ASKED.values() if reader.recognises(path, head)] == [name]


@each_example
def test_content_decides_and_not_the_name(name: str, path: Path):
    head = path.read_bytes()[:HEAD_BYTES]
    renamed = Path("upload.bin")
    assert ASKED[name].recognises(renamed, head)


@each_example
def test_it_reads_and_reads_the_same_again(name: str, path: Path):
    first, second = read(path), read(path)
    assert first == second
    assert first.digest == second.digest
    assert first.reader.partition(" ")[0] == name  # columns say which table of the declaration it was
    assert all(isinstance(reading, Reading) for reading in first.readings)
    assert first.readings or first.notes


@each_example
def test_what_it_reads_beside_a_file_is_part_of_what_the_file_is_known_by(name: str, path: Path, tmp_path: Path):
    """A reader that opens other files says so in `beside`, or equal bytes of two models would count as one file."""
    alone = tmp_path / path.name
    shutil.copyfile(path, alone)
    try:
        changed = read(alone) != read(path)
    except IncompleteResult as error:
        changed = bool(error.waits_for)
    assert context_of(path, MORE) or not changed
    assert not context_of(path, MORE) or context_of(path, MORE) != context_of(alone, MORE)


@each_text
def test_a_byte_order_mark_changes_nothing(name: str, path: Path, tmp_path: Path):
    here = copied(path, tmp_path)
    here.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(here).readings == read(path).readings


@each_example
def test_cut_off_anywhere_it_is_refused_or_whole_rows_remain(name: str, path: Path, tmp_path: Path):
    here = copied(path, tmp_path)
    raw, whole = path.read_bytes(), read(path)
    refused: list[str] = []
    accepted: list[Readout] = []
    for cut in sorted({0, 1, 2, *range(5, len(raw) - 2, max(1, len(raw) // 60))}):
        here.write_bytes(raw[:cut])
        try:
            part = read(here)
        except EvidenceError as error:
            refused.append(str(error))
        else:  # a table cut between two rows is a shorter table; lm-eval counts its rows
            accepted.append(part)
    assert all(str(here) in message for message in refused)
    assert len(refused) > len(accepted)
    assert name in ("table", "columns") or not accepted
    assert all(len(part.readings) < len(whole.readings) or part.notes for part in accepted)


@each_example
def test_a_cut_file_says_incomplete(name: str, path: Path, tmp_path: Path):
    if path.suffix == ".csv":
        return
    here = copied(path, tmp_path)
    here.write_bytes(path.read_bytes().rstrip()[:-1])
    with pytest.raises(IncompleteResult, match="ends too early"):
        read(here)


@each_text
def test_what_is_no_utf8_is_refused_with_its_line(name: str, path: Path, tmp_path: Path):
    here = copied(path, tmp_path)
    raw = path.read_bytes()
    here.write_bytes(raw[:-3] + b"\xe9" + raw[-3:])
    with pytest.raises(UnreadableFile, match=r"line \d+: byte 0xe9"):
        read(here)


@pytest.mark.parametrize("name", ASKED)
def test_a_file_that_is_gone_has_a_name(name: str, tmp_path: Path):
    with pytest.raises(UnreadableFile, match="no file here"):
        ASKED[name].read(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "foreign",
    [
        b'{"version": 2, "status": "success", "checks": {"task": "x", "model": "y"}}',
        b"hello\n",
        b"# Results\n\nacc is 0.3\n",
        b'{"a": 1}',
        b"[1, 2]",
        b"[" * 5000,
        b"{}",
        b"family,run,model,layers,params\na,b,c,1,2\n",
        b'{"doc_id": 1, "native_id": 3}\n',
        b"a,b\n1,2\n",
    ],
)
def test_nobody_claims_what_is_foreign(foreign: bytes, tmp_path: Path):
    path = tmp_path / "results_2026-01-01T00-00-00.000000.json"
    path.write_bytes(foreign)
    with pytest.raises(UnknownFormat, match="no reader recognises"):
        read(path)


@pytest.mark.parametrize(
    ("raw", "why"),
    [(b"PK\x03\x04" + bytes(40), "binary"), (bytes(range(256)), "binary"), ("{}".encode("utf-16"), "UTF-16")],
)
def test_binary_files_are_unreadable(raw: bytes, why: str, tmp_path: Path):
    path = tmp_path / "x.eval"
    path.write_bytes(raw)
    with pytest.raises(UnreadableFile, match=why):
        read(path)


@pytest.mark.parametrize("raw", [b"", b" \r\n\t", b"\xef\xbb\xbf"])
def test_an_empty_file_is_incomplete(raw: bytes, tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_bytes(raw)
    with pytest.raises(IncompleteResult, match="empty"):
        read(path)


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path):
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UnreadableFile, match="more than the limit of"):
        read(path)


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(UnreadableFile, match="no file here"):
        read(tmp_path)


def copied(path: Path, folder: Path) -> Path:
    """The example and its neighbours in `folder`: samples need their results file."""
    shutil.copytree(path.parent, folder / "copy")
    return folder / "copy" / path.name
