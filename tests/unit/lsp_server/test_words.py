from __future__ import annotations

import pytest

from lsp_server.workspace.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("x", "x"),
        ("def get_name(self): ...", "def get_name get name self"),
        ("HTTPServer", "httpserver http server"),
        ("getURLs", "geturls get ur ls"),
        ("parseJSON2", "parsejson2 parse json2"),
        ("name2", "name2"),
        ("_private __dunder__", "_private __dunder__"),
        ("MAX_SIZE", "max_size max size"),
        ("a_b", "a_b"),
        ("größeÄndern", "größeändern"),
        ("'don't' 42 3.5 0xff", "don t"),
        ("$scope jQuery$1 a$b", "scope jquery$1 query a$b"),
        ("größe_ändern", "größe_ändern größe ändern"),
        ("名前を取得", "名前を取得"),
        ("x" * 65, ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected
