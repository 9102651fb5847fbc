"""Members of classes at a cursor, in languages other than Python."""

from __future__ import annotations

import pytest

from tests.unit.lsp_server.made_repository import At

LANGUAGES = {
    "typescript": (
        "src/store.ts",
        (
            "export class Store extends Base {\n  findOrder(id: number): Order { return 1 }\n}\n"
            "export class Base { close(now: boolean): void {} }\n"
            "export function makeStore(): Promise<Store> { return 1 }\n"
        ),
        "src/app.ts",
        [
            'import { Store as S } from "./store";\nfunction f(store: S) {\n  store.|\n}\n',
            'import { makeStore } from "./store";\nconst it = await makeStore();\nit.|\n',
            'import * as s from "./store";\nconst it = new s.Store();\nit.|\n',
            'import { Store } from "./store";\nclass A extends Store {\n  f() {\n    this.|\n  }\n}\n',
        ],
        ["findOrder(id: number)", "close(now: boolean)"],
    ),
    "go": (
        "store/store.go",
        (
            "package store\n\ntype Store struct {\n\tName string\n}\n\n"
            "func (s *Store) FindOrder(id int) error {\n\treturn nil\n}\n\n"
            "func NewStore() (*Store, error) {\n\treturn nil, nil\n}\n"
        ),
        "app/app.go",
        [
            "package app\nfunc f(it *store.Store) {\n\tit.|\n}\n",
            "package app\nfunc f() {\n\tit := NewStore()\n\tit.|\n}\n",
            "package app\nfunc f() {\n\tit := store.NewStore(1)\n\tit.|\n}\n",
        ],
        ["FindOrder(id int) error", "Name string"],
    ),
    "java": (
        "shop/Store.java",
        (
            "package shop;\nclass Store extends Base {\n  Order findOrder(int id) { return null; }\n"
            "  static Store open() { return null; }\n}\nclass Base { void close(boolean now) {} }\n"
        ),
        "shop/App.java",
        [
            "class App {\n  void f(Store it) {\n    it.|\n  }\n}\n",
            "class App {\n  void f() {\n    var it = Store.open();\n    it.|\n  }\n}\n",
            "class App extends Store {\n  void f() {\n    this.|\n  }\n}\n",
        ],
        ["findOrder(int id)", "close(boolean now)"],
    ),
    "csharp": (
        "Shop/Store.cs",
        (
            "class Store : Base\n{\n  public Order FindOrder(int id) { return null; }\n"
            "  public static Store Open() { return null; }\n}\nclass Base { public void Close(bool now) {} }\n"
        ),
        "Shop/App.cs",
        [
            "class App\n{\n  void F(Store it)\n  {\n    it.|\n  }\n}\n",
            "class App : Store\n{\n  void F()\n  {\n    this.|\n  }\n}\n",
        ],
        ["FindOrder(int id)", "Close(bool now)"],
    ),
    "rust": (
        "src/store.rs",
        (
            "pub struct Store {\n    pub name: String,\n}\n\nimpl Store {\n    pub fn new() -> Self { x }\n"
            "    pub fn find_order(&self, id: u64) -> u8 { 1 }\n}\n\npub fn open() -> Result<Store, E> { x }\n"
        ),
        "src/app.rs",
        [
            "fn f(it: &Store) {\n    it.|\n}\n",
            "fn f() {\n    let it = Store::new();\n    it.|\n}\n",
            "fn f() {\n    let it = open();\n    it.|\n}\n",
        ],
        ["pub fn find_order(&self, id: u64) -> u8", "pub name: String"],
    ),
}


@pytest.mark.parametrize(
    ("language", "text"), [(name, text) for name, it in LANGUAGES.items() for text in it[3]]
)
def test_members_in_other_languages(language: str, text: str) -> None:
    path, source, own, _, expected = LANGUAGES[language]
    at = At.of({path: source}, own, text)
    for name in expected:
        assert name in at.shown(100)[path]
