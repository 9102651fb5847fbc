from lsp_server.agent.clues import read_clues
from lsp_server.agent.localize import (
    NOTHING_KNOWN,
    Findings,
    Weights,
    fuse,
    is_source,
    rank_files,
    rankings,
    suspects,
)
from lsp_server.agent.spectrum import CoveredTest, by_file, suspicion
from lsp_server.bench.context_snapshot import MemorySnapshot
from tests.unit.lsp_server.made_repository import repository

FILES = {
    "shelf/text.py": "def split_words(line):\n    return line.split()\n",
    "shelf/parse.py": "from shelf.text import split_words\n\n\ndef read(line):\n    return split_words(line)\n",
    "shelf/books.py": "class Book:\n    def lend(self):\n        return self.owner\n",
    "tests/test_books.py": "from shelf.books import Book\n\n\ndef test_lend():\n    Book().lend()\n",
    "docs/conf.py": "project = 'lend'\n",
}


def snapshot() -> MemorySnapshot:
    return MemorySnapshot(repository(FILES), "shelf/parse.py", [])


def ranked(issue: str, known: Findings = NOTHING_KNOWN) -> list[str]:
    return [it.path for it in rank_files(read_clues(issue), snapshot(), known)]


def test_a_traceback_leads_to_its_innermost_file() -> None:
    issue = (
        'Fails\n  File "/x/shelf/parse.py", line 5, in read\n'
        '  File "/x/shelf/text.py", line 2, in split_words\nAttributeError: split\n'
    )
    assert ranked(issue)[0] == "shelf/text.py"


def test_a_name_leads_to_where_it_is_defined() -> None:
    assert ranked("`Book.lend` has no owner")[0] == "shelf/books.py"


def test_a_module_leads_to_its_file() -> None:
    assert ranked("import of shelf.parse.read fails")[0] == "shelf/parse.py"


def test_tests_and_documents_are_no_suspects() -> None:
    assert not {"tests/test_books.py", "docs/conf.py"} & set(ranked("lend in test_books, conf"))
    assert not is_source("tests/a.py")
    assert is_source("shelf/a.py")


def test_failing_tests_lead_to_what_they_are_named_after() -> None:
    known = Findings(("tests/test_books.py::test_lend",))
    assert ranked("", known)[0] == "shelf/books.py"


def test_lines_that_failing_tests_run_lead_to_their_file_and_place() -> None:
    known = Findings((), {("shelf/books.py", 2): 1.0, ("shelf/text.py", 1): 0.4})
    clues = read_clues("")
    files = rank_files(clues, snapshot(), known)
    assert files[0].path == "shelf/books.py"
    place = suspects(files, clues, snapshot(), known)[0]
    assert (place.path, place.line, place.end_line) == ("shelf/books.py", 2, 2)


def test_fusion_sums_what_sources_say_and_tells_them() -> None:
    weights = Weights(text=1.0, title=1.0, frames=1.5)
    found = fuse({"text": ["a", "b"], "title": ["a"], "frames": ["b"]}, weights)
    assert [it.path for it in found] == ["b", "a"]
    assert found[0].why == ("frames", "text")


def test_each_weight_has_a_source() -> None:
    sources = rankings(read_clues("x"), snapshot()).keys()
    assert sources == set(Weights.__dataclass_fields__)


def test_ochiai_is_as_defined() -> None:
    tests = [
        CoveredTest("one", passed=False, lines={"a.py": [1, 2]}),
        CoveredTest("two", passed=True, lines={"a.py": [1]}),
        CoveredTest("three", passed=True, lines={"a.py": [1, 3]}),
    ]
    lines = suspicion(tests)
    assert lines == {("a.py", 1): 1 / 3**0.5, ("a.py", 2): 1.0}
    assert by_file(lines)["a.py"] == 1.0 + 1e-6
    assert suspicion(tests[1:]) == {}
