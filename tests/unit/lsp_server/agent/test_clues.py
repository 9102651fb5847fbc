import pytest

from lsp_server.agent.clues import Frame, read_clues

PYTHON = """Parsing fails

Traceback (most recent call last):
  File "/home/me/venv/lib/site-packages/shelf/parse.py", line 12, in read_line
    return _split(line)
  File "/home/me/venv/lib/site-packages/shelf/text.py", line 3, in _split
ValueError: no words
"""


def test_frames_of_python_are_in_the_order_of_the_traceback() -> None:
    frames = read_clues(PYTHON).frames
    assert [(it.path.rpartition("/")[2], it.line, it.function) for it in frames] == [
        ("parse.py", 11, "read_line"),
        ("text.py", 2, "_split"),
    ]


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("    at Parser.read (/app/src/parser.js:10:5)", Frame("/app/src/parser.js", 9, "read")),
        ("    at /app/src/main.js:3:1", Frame("/app/src/main.js", 2, "")),
        ("\tat org.shelf.Book.open(Book.java:41)", Frame("Book.java", 40, "open")),
        ("thread 'main' panicked at src/main.rs:7:9:", Frame("src/main.rs", 6, "")),
        (
            "goroutine 1 [running]:\n\t/app/shelf/book.go:22 +0x1d",
            Frame("/app/shelf/book.go", 21, ""),
        ),
        ("tests/test_a.py:31: AssertionError", Frame("tests/test_a.py", 30, "")),
    ],
)
def test_frames_of_other_tools(text: str, frame: Frame) -> None:
    assert read_clues(f"It fails\n\n{text}\n").frames == (frame,)


def test_names_that_are_written_as_code_count_more_than_words() -> None:
    names = read_clues("Crash\n\nCalling `Shelf.add_book` again makes trouble").names
    assert names["add_book"] == names["Shelf"] > names["trouble"]


def test_paths_modules_and_errors_are_found() -> None:
    clues = read_clues("See shelf/text.py and shelf.parse.Reader: it raises `KeyError`.")
    assert clues.paths[0] == "shelf/text.py"
    assert "shelf.parse.Reader" in clues.dotted
    assert clues.errors == ("KeyError",)


def test_code_is_taken_from_blocks_and_from_a_prompt() -> None:
    text = "Fails\n\n```python\nimport a\na.b()\n```\n\n>>> import c\n>>> c.d()\n1\n"
    assert read_clues(text).code == ("import a\na.b()\n", "import c\nc.d()\n")


def test_an_address_is_no_path() -> None:
    assert read_clues("See https://example.com/docs/index.html").paths == ()


def test_a_huge_text_is_read_to_a_bound() -> None:
    assert (
        read_clues("a(" * 500_000 + "needle_at_the_end")
        .names.keys()
        .isdisjoint({"needle_at_the_end"})
    )
