"""Zip files that lie: about sizes, names, methods, checksums. Nothing is extracted, and memory stays bounded."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inspect_logs import DEFLATE, STORED, ZSTD, Entry, as_eval, entries, log

from checkpoints_db.errors import EvidenceError, IncompleteResult, UnreadableFile
from checkpoints_db.readers import archive, inspect_container, read
from checkpoints_db.readers.archive import Archive, DamagedEntry

MIB = 1024 * 1024
START = Entry("_journal/start.json", b"{}", STORED)


def whole(path: Path, name: str = "header.json") -> bytes:
    with Archive.open(path, lambda _: True) as opened:
        return opened.read(name)


@pytest.mark.parametrize("method", [STORED, DEFLATE, ZSTD])
@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000])
def test_every_method_gives_the_bytes_back(method: int, size: int, tmp_path: Path):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert whole(as_eval(tmp_path, [Entry("header.json", data, method)])) == data


def test_several_zstd_frames_are_one_entry(tmp_path: Path):
    packed = zstandard.ZstdCompressor().compress(b"one ") + zstandard.ZstdCompressor().compress(b"two")
    assert whole(as_eval(tmp_path, [Entry("header.json", b"one two", packed=packed)])) == b"one two"


@pytest.mark.parametrize("method", [DEFLATE, ZSTD])
def test_a_bomb_is_refused_by_the_size_it_declares(method: int, tmp_path: Path):
    path = as_eval(tmp_path, [START, Entry("samples/a_epoch_1.json", b"0", method, size=archive.MAX_ENTRY + 1)])
    with pytest.raises(UnreadableFile, match=r"samples/a_epoch_1.json: it declares .* decompression bomb"):
        read(path)


@pytest.mark.parametrize("method", [DEFLATE, ZSTD])
def test_a_bomb_is_refused_by_its_ratio(method: int, tmp_path: Path):
    path = as_eval(tmp_path, [START, Entry("samples/a_epoch_1.json", b"0" * 50, method, size=200 * MIB)])
    with pytest.raises(UnreadableFile, match="compressed more than 1000 times"):
        read(path)


@pytest.mark.parametrize("method", [DEFLATE, ZSTD])
@pytest.mark.parametrize("where", ["header.json", "summaries.json", "samples/sum 0_epoch_1.json"])
def test_a_bomb_that_lies_is_refused_by_the_bytes_it_gives(method: int, where: str, tmp_path: Path):
    found = [entry for entry in entries(log()) if entry.name != where]
    path = as_eval(tmp_path, [*found, Entry(where, bytes(20 * MIB), method, size=900)])
    with pytest.raises(UnreadableFile, match="declares 900 bytes and gives more"):
        read(path)


def test_a_bomb_costs_no_memory(tmp_path: Path):
    made = [Entry("_journal/start.json", b"{}"), Entry("header.json", b"{}")]
    made.append(Entry("samples/a_epoch_1.json", bytes(400 * MIB), size=250_000))
    path = as_eval(tmp_path, made)
    script = (
        "import resource, sys; from pathlib import Path; from checkpoints_db.readers.archive import Archive\n"
        "a = Archive.open(Path(sys.argv[1]), lambda _: True)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: a.read('samples/a_epoch_1.json'); print('read')\n"
        "except Exception as e: print(type(e).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=root, capture_output=True, text=True, check=True
    )
    kind, kibibytes = done.stdout.split()
    assert kind == "UnreadableFile"
    assert int(kibibytes) < 32 * 1024


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (Entry("header.json", b"{}", flags=0x801), "encrypted"),
        (Entry("header.json", b"{}", flags=0x840), "encrypted"),
        (Entry("header.json", b"{}", 97), "method 97 is not known"),
        (Entry("header.json", b"{}", STORED, size=3), "of two sizes"),
        (Entry("_journal/start.json", b"{}"), "two entries have this name"),
        (Entry("samples/" + "x" * 1100 + "_epoch_1.json", b"{}"), "a name of 1121 characters"),
        (Entry("header.json", b'{"version": 2'), "header.json: the JSON ends too early"),
        (Entry("header.json", b'{"version": "\xe9"}'), "header.json: not UTF-8"),
        (Entry("header.json", b"[" * 100_000), "header.json: nested deeper"),
        (Entry("header.json", b'{"version": ' + b"9" * 5000 + b"}"), "thousands of digits"),
        (Entry("header.json", b'{"version": 2, "version": 2}'), "occurs twice"),
        (Entry("header.json", b"{}", crc=1), "header.json: its checksum does not hold"),
        (Entry("header.json", b"{}", size=3), "header.json: 2 bytes where 3 are declared"),
        (Entry("header.json", b"{}", packed=b"no frame"), "header.json: cannot be decompressed"),
        (Entry("header.json", b"{}", DEFLATE, packed=b"\xff\xff"), "header.json: cannot be decompressed"),
        (Entry("header.json", b"{}"), "version: missing"),
    ],
)
def test_what_is_refused_names_its_entry(entry: Entry, why: str, tmp_path: Path):
    with pytest.raises(UnreadableFile, match=why):
        read(as_eval(tmp_path, [START, entry]))


def test_a_small_text_of_too_many_values_is_refused(tmp_path: Path):
    many = b"[" + b"[]," * (inspect_container.MAX_VALUES // 2) + b"[]]"
    found = [entry for entry in entries(log()) if entry.name != "summaries.json"]
    made = as_eval(tmp_path, [*found, Entry("summaries.json", many, STORED)])
    with pytest.raises(UnreadableFile, match=r"summaries.json: more than the limit of 16000000 values"):
        read(made)


def test_names_that_climb_are_left_alone(tmp_path: Path):
    plain = read(as_eval(tmp_path, entries(log())))
    names = (
        "../../up.json",
        "/etc/abs.json",
        "samples/../../x_epoch_1.json",
        "C:\\x.json",
        "samples/\x1b_epoch_1.json",
    )
    hostile = [Entry(name, b"{}") for name in names]
    out = read(as_eval(tmp_path, [*entries(log()), *hostile]))
    assert out.readings == plain.readings
    assert out.notes == ("5 entries have names that no log of Inspect has; they were left alone", *plain.notes)
    assert [path.name for path in tmp_path.iterdir()] == ["log.eval"]


def test_too_many_entries_are_refused(tmp_path: Path):
    path = as_eval(tmp_path, [START, *(Entry(f"samples/{n}_epoch_1.json", b"", STORED) for n in range(65_535))])
    with pytest.raises(UnreadableFile, match="more than the limit of 65534 entries"):
        read(path)


def test_a_huge_directory_is_refused_unread(tmp_path: Path):
    path = as_eval(tmp_path, [START])
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, len(raw) - 10, archive.MAX_DIRECTORY + 1)
    path.write_bytes(raw)
    with pytest.raises(UnreadableFile, match="directory: 16777217 bytes are more than the limit"):
        read(path)


def test_entries_on_top_of_each_other_are_refused(tmp_path: Path):
    path = as_eval(tmp_path, [START, Entry("header.json", b"{}" * 50, STORED)])
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02")
    struct.pack_into("<II", raw, at + 20, 500, 500)
    path.write_bytes(raw)
    with pytest.raises(UnreadableFile, match="lie on top of each other"):
        read(path)


def test_an_entry_that_is_another_is_damaged(tmp_path: Path):
    path = as_eval(tmp_path, [START, Entry("header.json", b"{}", STORED)])
    raw = path.read_bytes()
    path.write_bytes(raw[:30] + b"_journal/other.json" + raw[49:])
    with pytest.raises(DamagedEntry, match="contradict each other"):
        whole(path, "_journal/start.json")


def test_a_file_without_directory_is_incomplete(tmp_path: Path):
    path = as_eval(tmp_path, entries(log()))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(IncompleteResult, match="ends too early"):
        read(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), method=st.sampled_from([STORED, DEFLATE, ZSTD]))
def test_whatever_bytes_are_flipped_only_evidence_errors_leave(data: st.DataObject, method: int, tmp_path: Path):
    path = as_eval(tmp_path, entries(log(), method))
    raw = bytearray(path.read_bytes())
    where = st.integers(0, len(raw) - 1)
    tail = st.integers(max(0, len(raw) - 1500), len(raw) - 1)
    for at in data.draw(st.lists(st.one_of(where, tail), min_size=1, max_size=6)):
        raw[at] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    try:
        read(path)
    except EvidenceError as error:
        if str(path) not in str(error):
            raise AssertionError("the message does not say which file") from error
