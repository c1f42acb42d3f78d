"""Bytes to lines: however they arrive, the lines are the same, and none takes more room than it may."""

from probes.line_assembly import LONGEST_LINE, Line, LineAssembly


def lines(*pieces: bytes, longest: int = LONGEST_LINE) -> list[Line]:
    assembly = LineAssembly(longest)
    found = [line for piece in pieces for line in assembly.feed(piece)]
    return found + assembly.finish()


def test_lines_end_with_either_line_break() -> None:
    assert lines(b"a\nb\r\n\nc\n") == [Line(b"a"), Line(b"b"), Line(b""), Line(b"c")]


def test_a_line_may_come_in_pieces() -> None:
    assert lines(b"a", b"b", b"", b"c\nd", b"\n") == [Line(b"abc"), Line(b"d")]


def test_what_is_left_at_the_end_is_a_line_that_did_not_end() -> None:
    assert lines(b"a\nb") == [Line(b"a"), Line(b"b", ended=False)]
    assert lines(b"a\n") == [Line(b"a")]


def test_a_line_that_is_too_long_is_cut_and_told_and_the_next_one_is_whole() -> None:
    assert lines(b"abcd\nabcde\nab\n", longest=4) == [Line(b"abcd"), Line(b"abcd", cut=True), Line(b"ab")]
    assert lines(b"abc", b"def", b"ghi", longest=4) == [Line(b"abcd", cut=True, ended=False)]


def test_an_endless_line_is_held_in_bounded_room() -> None:
    assembly = LineAssembly()
    for _ in range(100):
        assert assembly.feed(b"x" * 1_000_000) == []
    assert len(assembly._held) == LONGEST_LINE
    (line,) = assembly.feed(b"\n")
    assert line.cut
    assert len(line.data) == LONGEST_LINE


def test_it_says_whether_a_line_is_under_way() -> None:
    assembly = LineAssembly(4)

    def waits_after(data: bytes) -> bool:
        assembly.feed(data)
        return assembly.waits

    assert [waits_after(data) for data in (b"", b"a", b"\n", b"a\nb", b"cdefg", b"\n\n")] == [
        False,
        True,
        False,
        True,
        True,
        False,
    ]
