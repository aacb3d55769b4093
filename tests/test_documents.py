"""YAML that could be read in two ways is read in none; whatever stands in a file, it is a value or a refusal."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dr.documents import MAX_BYTES, MAX_DEPTH, MAX_PARTS, load, load_estate, read
from dr.errors import Refused
from dr.estate import Objectives

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(content: str | bytes) -> Path:
        path = tmp_path / "estate.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def refused(path: Path, line: int | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        read(path)
    assert caught.value.message.startswith(f"{path}:{line}: " if line else f"{path}: ")
    return caught.value


def outcome(path: Path) -> str:
    try:
        load_estate(path)
    except Refused as problem:
        return "refused" if problem.message.startswith(str(path)) else f"refused without its file: {problem.message}"
    return "value"


def test_plain_data_and_the_line_of_every_part(write: Write) -> None:
    document = read(write('a: word\nb:\n  - 1\n  - {c: "no"}\nd: [true, null, 1.5, -7]\n'))
    assert document.data == {"a": "word", "b": [1, {"c": "no"}], "d": [True, None, 1.5, -7]}
    assert document.where("b", 1, "c") == f"{document.path}:4"
    assert document.where("b", 1, "absent", "deeper") == f"{document.path}:4"
    assert document.where("absent") == f"{document.path}:1"


@pytest.mark.parametrize(
    "trap",
    [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "No",
        "YES",
        "12:30",
        "1:02:03",
        "-1:30",
        "1_0:30",
        "010",
        "-07",
        "00",
        "0777",
    ],
)
@pytest.mark.parametrize("shape", ["a:\n  b: {}", "a:\n  - {}", "a: \n  {}: 1", "a: \n  [x, {}]", "a: \n  {{x: {}}}"])
def test_traps_are_refused_wherever_they_stand(write: Write, trap: str, shape: str) -> None:
    problem = refused(write(shape.format(trap)), line=2)
    assert trap in problem.message
    assert f'"{trap}"' in (problem.hint or "")


@pytest.mark.parametrize("trap", ["yes", "12:30", "010", "2026-11-20", "0x1F", "1e3"])
def test_quoted_they_are_words(write: Write, trap: str) -> None:
    assert read(write(f"a: \"{trap}\"\nb: '{trap}'\nc: |-\n  {trap}\n")).data == dict.fromkeys("abc", trap)


@pytest.mark.parametrize(
    "value", ["2026-11-20", "2026-11-20T02:15:00Z", "0x1F", "0o17", "1e3", ".inf", ".nan", "1_000", "="]
)
def test_what_has_a_type_of_its_own_is_refused(write: Write, value: str) -> None:
    assert value in refused(write(f"x: 1\na: {value}\n"), line=2).message


@pytest.mark.parametrize(
    "value", ["0" * 30, "1" * 19, "1" * 5000, "-" + "9" * 5000, "1" * 400 + ".5", "0." + "1" * 5000]
)
def test_numbers_that_no_estate_needs_are_refused(write: Write, value: str) -> None:
    refused(write(f"a: {value}\n"), line=1)


@pytest.mark.parametrize(
    "value",
    ["12:30pm", "10.0.0.1", "db.t4g.medium", "arn:aws:iam::123456789012:role/x", "yes please", "1.2.3", "a: b: c"[:4]],
)
def test_ordinary_words_are_not_traps(write: Write, value: str) -> None:
    assert read(write(f"a:\n  - {value}\n")).data["a"]


@pytest.mark.parametrize("text", ["a: &x 1\nb: 2", "a: &x [1]\nb: *x", "a: 1\nb: *x", "a: &x {b: *x}"])
def test_anchors_and_aliases_are_refused(write: Write, text: str) -> None:
    assert "anchors and aliases" in refused(write(text), line=2 if text.startswith("a: 1") else 1).message


def test_a_billion_laughs_do_not_begin(write: Write) -> None:
    lines = ["l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    begun = time.process_time()
    assert "anchors" in refused(write("\n".join(lines)), line=1).message
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!!str", "!!int", "!!null", "!!bool", "!own", "!"])
@pytest.mark.parametrize("value", ["x", '"12"', "[1]", "{a: b}"])
def test_tags_are_refused(write: Write, tag: str, value: str) -> None:
    assert "tags" in refused(write(f"x: 1\na: {tag} {value}\n"), line=2).message


@pytest.mark.parametrize(
    ("text", "line", "first"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1),
        ('a: 1\n"a": 3', 2, 1),
        ("x:\n  a: 1\n  a: 2", 3, 2),
        ("x:\n  - {a: 1, b: 2,\n     a: 2}", 3, 2),
        ("12: x\n'12': z", 2, 1),
    ],
)
def test_duplicate_keys_are_refused(write: Write, text: str, line: int, first: int) -> None:
    assert f"first given on line {first}" in refused(write(text), line=line).message


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_depth(write: Write, pair: str) -> None:
    begun = time.process_time()
    assert "deep" in refused(write(pair[0] * 20_000), line=1).message
    assert "deep" in refused(write("a: " + pair[0] * 20_000 + pair[1] * 20_000), line=1).message
    assert time.process_time() - begun < 2


def test_depth_of_blocks(write: Write) -> None:
    def nested(depth: int) -> str:
        return "\n".join(f"{' ' * n}a:" for n in range(depth - 1)) + f" {'b'}"

    read(write(nested(MAX_DEPTH)))
    assert "deep" in refused(write(nested(MAX_DEPTH + 2)), line=MAX_DEPTH + 1).message


@pytest.mark.parametrize("text", ["a: [" + "x," * MAX_PARTS + "x]", "".join(f"k{n}: 1\n" for n in range(MAX_PARTS))])
def test_more_than_anybody_wrote_by_hand_is_refused_soon(write: Write, text: str) -> None:
    """A megabyte of small parts took half a minute, and a third of a gigabyte."""
    with pytest.raises(Refused, match=rf"estate\.yaml:\d+: more than {MAX_PARTS} keys and values"):
        read(write(text))


def test_a_refusal_does_not_repeat_a_megabyte(write: Write) -> None:
    assert len(refused(write("a: " + "1" * 900_000), line=1).message) < 2000


def test_size(write: Write) -> None:
    read(write("a: " + "x" * 1000))
    assert str(MAX_BYTES) in refused(write(b"#" * (MAX_BYTES + 1))).message


@pytest.mark.parametrize("raw", [b"a: \xff\xfe", b"\xff\xfea\x00:\x00", b"a: caf\xe9", b"\xc3"])
def test_not_utf8(write: Write, raw: bytes) -> None:
    assert "not UTF-8 at byte" in refused(write(raw)).message


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "\ufeff"])
def test_empty(write: Write, text: str) -> None:
    refused(write(text), line=1)


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2",
        "a: {b: 1",
        "a: 'x",
        "a: b: c",
        "\ta: 1",
        "a: 1\n b: 2",
        "a: 1\n---\nb: 2",
        "@x",
        "a: `x`",
        "? [a]\n: 1",
    ],
)
def test_what_is_not_one_yaml_document_is_refused_with_its_line(write: Write, text: str) -> None:
    with pytest.raises(Refused, match=r"estate\.yaml:[1-9]\d*: \S"):
        read(write(text))


@pytest.mark.parametrize(
    "raw", [b"a: \x00", b"a: \x07", b"%FOO bar\n---\na: 1", b"%YAML 9.9\n---\na: 1", b"%TAG ! x\n"]
)
def test_what_no_editor_writes_is_not_an_accident(write: Write, raw: bytes) -> None:
    assert outcome(write(raw)) in ("refused", "value")


@pytest.mark.parametrize("name", ["absent.yaml", "folder", "file/below.yaml"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert "--estate" in (refused(tmp_path / name).hint or "")


class TestIntoAModel:
    def test_loads(self, write: Write) -> None:
        objectives, document = load(write("rto: 30m\nrpo: 5m\nretention: 30d"), Objectives)
        assert objectives.rto.total_seconds() == 1800
        assert document.where("rpo").endswith(":2")

    def test_an_unknown_key_has_its_line(self, write: Write) -> None:
        path = write("rto: 30m\nrpo: 5m\nretention: 30d\nrta: 1m")
        with pytest.raises(Refused, match=f"^{path}:4: the document: unknown key 'rta'$"):
            load(path, Objectives)

    def test_a_wrong_type_has_its_line(self, write: Write) -> None:
        path = write("rto: 30m\nrpo: 5\nretention: 30d")
        with pytest.raises(Refused, match=f"^{path}:2: rpo: 5 is not a duration"):
            load(path, Objectives)

    def test_a_missing_key_has_the_line_of_what_lacks_it(self, write: Write) -> None:
        path = write("# none\nrto: 30m\nrpo: 5m")
        with pytest.raises(Refused, match=f"^{path}:2: retention: field required"):
            load(path, Objectives)

    def test_every_problem_is_told_at_once(self, write: Write) -> None:
        with pytest.raises(Refused) as caught:
            load(write("rto: soon\nrpo: 5\nretention: 30d\nx: 1"), Objectives)
        assert [line.split(":")[1] for line in caught.value.message.splitlines()] == ["1", "2", "4"]

    @pytest.mark.parametrize("text", ["- a", "word", "12", "null", "[]", "true", "--- ~"])
    def test_another_shape_is_refused(self, write: Write, text: str) -> None:
        with pytest.raises(Refused, match=r":1: the document: "):
            load(write(text), Objectives)
