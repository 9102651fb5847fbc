"""What is read around a cursor, by language; a `|` in a text is where the cursor stands."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context import heads, names, surroundings
from lsp_server.context.names import code, code_names
from lsp_server.context.surroundings import Surroundings, read_surroundings
from lsp_server.workspace.documents import Position, split_lines

BOUND_S = 2.0  # of a processor; what is quadratic takes far longer


def read(text: str) -> Surroundings:
    before, _, after = text.partition("|")
    lines = split_lines(before)
    return read_surroundings(split_lines(before + after), Position(len(lines) - 1, len(lines[-1])))


@pytest.mark.parametrize(
    ("line", "receiver"),
    [
        ("store.|", "store"),
        ("store.fi|", "store"),
        ("x = await self.store.find|", "store"),
        ("stores[0].|", "stores"),
        ("store().|", "store"),
        ("store?.fi|", "store"),
        ("store->fi|", "store"),
        ("Store::ne|", "Store"),
        ("größe.|", "größe"),
        ("self.|", "self"),
        ("find(a, b).|", ""),
        ("'text'.|", ""),
        ("store|", None),
        ("store.find(|", None),
        ("|", None),
        ("1 + |", None),
    ],
)
def test_the_receiver_is_what_stands_before_the_dot(line: str, receiver: str | None) -> None:
    assert read(line).receiver == receiver


def test_some_receivers_are_the_object_itself() -> None:
    said = ["self.|", "this.|", "super().|", "cls.|", "f(x).|"]
    assert [read(line).is_on_self for line in said] == [True] * 5
    assert [read(line).is_on_self for line in ("it.|", "self|")] == [False] * 2


@pytest.mark.parametrize(
    ("line", "name", "type_name"),
    [
        # Python
        ("def pay(cart: Cart) -> None:", "cart", "Cart"),
        ("    carts: list[shop.Cart] | None = None", "carts", "Cart"),
        ("    cart: Optional['Cart']", "cart", "Cart"),
        ("    cart = shop.Cart(1)", "cart", "Cart"),
        ("    cart = Cart.open(1)", "cart", "Cart"),
        ("    self.cart = Cart()", "cart", "Cart"),
        ("    cart = await open_cart(1)", "cart", "open_cart"),
        ("    cart = shop.open_cart(1)", "cart", "open_cart"),
        ("    carts: dict[str, list[Cart]] = {}", "carts", "Cart"),
        ("with Cart(1) as cart:", "cart", "Cart"),
        ("except CartError as error:", "error", "CartError"),
        # TypeScript
        ("function pay(cart?: Cart): void {", "cart", "Cart"),
        ("  private readonly carts: Map<string, Cart>;", "carts", "Cart"),
        ("  const cart = new shop.Cart<Item>(1);", "cart", "Cart"),
        ("  const cart = await openCart();", "cart", "openCart"),
        # Go
        ("func (s *Store) Pay(cart *shop.Cart) error {", "cart", "Cart"),
        ("func (s *Store) Pay(cart *shop.Cart) error {", "s", "Store"),
        ("\tcart := &shop.Cart{}", "cart", "Cart"),
        ("\tcart := NewCart(1)", "cart", "NewCart"),
        # Java and C#
        ("    private final Cart cart;", "cart", "Cart"),
        ("    void pay(List<Item> items, Cart cart) {", "cart", "Cart"),
        ("    var cart = new Cart();", "cart", "Cart"),
        ("    Cart cart = Carts.open();", "cart", "Cart"),
        # Rust
        ("fn pay(cart: &mut Cart) -> Result<(), Error> {", "cart", "Cart"),
        ("    let cart = Cart::new();", "cart", "Cart"),
        ("    let cart = shop::Cart { items };", "cart", "Cart"),
        ("    cart: Option<Rc<Cart>>,", "cart", "Cart"),
        # C++
        ("    Cart *cart = open();", "cart", "Cart"),
        # Beyond ASCII
        ("    wörter: Wörterbuch = None", "wörter", "Wörterbuch"),
    ],
)
def test_the_type_of_a_variable(line: str, name: str, type_name: str) -> None:
    assert read(f"{line}\n|").types[name] == type_name


@pytest.mark.parametrize(
    "line",
    [
        "count: int = 3",
        "names: list[str]",
        "x == Cart(1)",
        "print(cart)",
        "// of a",
        "use crate::shop::{Cart, Item};",
        "    shop::Cart::open(1)",
    ],
)
def test_what_says_no_type(line: str) -> None:
    assert read(f"{line}\n|").types.keys() <= {"x"}
    assert not read(f"{line}\n|").types.get("x")


def test_the_first_that_is_said_of_a_variable_holds() -> None:
    assert read("cart = Cart()\ncart: Basket\n|").types["cart"] == "Cart"


@pytest.mark.parametrize(
    "text",
    [
        "def __init__(self, cart: Cart):\n    self._it = cart\n    |",
        "constructor(cart: Cart) {\n  this._it = cart;\n  |",
    ],
)
def test_an_attribute_is_what_it_was_given(text: str) -> None:
    assert read(text).types["_it"] == "Cart"


HEADS = {
    "python": "class A(b.Base, Mixin[T]):\n    async def f(self, x: X):\n        |",
    "python, many lines": (
        "class A(\n    Base,\n    Mixin,\n):\n    def f(\n        self,\n        x: X,\n    ) -> Y:\n"
        "        if x:\n            |"
    ),
    "python, a text at the margin": (
        'class A(Base, Mixin):\n    def f(self):\n        x = """\n# not code\n"""\n        |'
    ),
    "typescript": (
        "export class A extends Base implements Mixin {\n  async f(x: X): Promise<Y> {\n"
        "    for (const it of x) {\n      |"
    ),
    "typescript, many lines": (
        "class A extends Base<Mixin> {\n  private f(\n    x: X,\n  ): Y {\n    |"
    ),
    "typescript, assigned": (
        "class A extends Base<Mixin> {\n  f = async (x: X): Promise<Y> => {\n    |"
    ),
    "java": (
        "public class A extends Base implements Mixin {\n    @Override\n"
        "    public List<Y> f(Map<String, X> x) throws E {\n        if (x.ok()) {\n            |"
    ),
    "csharp": (
        "public class A : Base, Mixin\n{\n    public async Task<Y> f(X x)\n    {\n"
        "        foreach (var it in x)\n        {\n            |"
    ),
    "cpp": (
        "class A : public Base, Mixin {\npublic:\n  Y *f(X x) const {\n    switch (x) {\n      |"
    ),
    "rust": (
        "impl<T: Base> Mixin for A<T> {\n    pub async fn f(&self, x: X) -> Y {\n"
        "        match x {\n            |"
    ),
    "ruby": "class A < Base\n  include Mixin\n  def f(x)\n    |",
}
BASES = {  # where they are others than the two of each head
    "python": ("Base", "Mixin", "T"),
    "rust": ("A", "T", "Base", "Mixin"),
    "ruby": ("Base",),
}


@pytest.mark.parametrize("language", HEADS)
def test_what_the_cursor_is_in(language: str) -> None:
    around = read(HEADS[language])
    assert (around.functions, around.in_class) == (("f",), "A")
    assert around.bases == BASES.get(language, ("Base", "Mixin"))


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("def outer():\n    def inner():\n        |", ("inner", "outer")),
        ("func (s *Server) Handle(w Writer) error {\n\tif w == nil {\n\t\t|", ("Handle",)),
        ("func Open() {\n\tgo func(x int) error {\n\t\t|", ("Open",)),
        ("const total = (items: Item[]): number => {\n  |", ("total",)),
        ("export default async function handle(request) {\n  |", ("handle",)),
        ("export function View({\n  one,\n  two,\n}: Props) {\n  |", ("View",)),
        ('describe("it", () => {\n  |', ()),
        ("useEffect(function () {\n  |", ()),
        ("export default function (request) {\n  |", ()),
        ("static struct it *make(int x)\n{\n    |", ("make",)),
        ("while (x) {\n  |", ()),
        ("class A:\n    def f(self, |", ("f",)),
        ("def f(x): return |", ("f",)),
        ("class A(|", ()),
        ("fn f(x: X) {\n    Some(it) => {\n        |", ("f",)),
        ("def f():\n    pass\n\n|", ("f",)),  # an empty line goes on with what is above it
        ("def f():\n    pass\n\nx|", ()),
        ("class A:\n    def f(self):\n        pass\n\n    |", ()),  # as deep as the editor put it
        ("class A:\n    def f(self):\n        pass\n\n        |", ("f",)),
        ("object = {}\nrecord.update(\n    |", ()),
    ],
)
def test_the_functions_around_the_cursor(text: str, functions: tuple[str, ...]) -> None:
    assert read(text).functions == functions


def test_what_is_near_counts_more() -> None:
    lines = [f"name_{number}\n" for number in range(100)]
    near = read_surroundings(lines, Position(50, 0)).nearness
    assert near["name_50"] == 1.0
    assert near["name_50"] > near["name_49"] > near["name_45"] > near["name_21"]
    assert near["name_49"] > near["name_51"] > near["name_59"]
    assert "name_19" not in near
    assert "name_60" not in near


def test_a_function_head_is_near_wherever_it_is() -> None:
    body = "    pass\n" * 100
    near = read(f"def pay(cart: Cart):\n{body}    |").nearness
    assert {"pay", "cart", "Cart"} <= near.keys()


def test_near_is_code_visible_is_all() -> None:
    around = read("word = 'quoted'  # told\nreturn |")
    assert around.nearness.keys() == {"word"}
    assert {"word", "quoted", "told"} <= around.visible


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = 'a' + \"b\"  # c", {"x"}),
        ("x // y", {"x"}),
        ("x /* y */ + z", {"x", "z"}),
        ("#include <y>", {"y"}),
        ("this.#x = y", {"x", "y"}),
        ("fn f<'a>(x: &'a X, y: &'a Y)", {"f", "a", "x", "X", "y", "Y"}),
        ("x = \"a\\\"b\" + 'it\\'s' + y", {"x", "y"}),
        ("", set()),
    ],
)
def test_the_names_of_a_line(line: str, expected: set[str]) -> None:
    assert code_names(line) == expected


# A line that a pattern could be slow on, wherever it stands.
HOSTILE = {
    "a word": "a" * 20_000,
    "spaces": "a:" + " " * 20_000 + "=",
    "spaces after an attribute": "self.a = b" + " " * 20_000 + "x",
    "escaped quotes": '"' + '\\"' * 10_000,
    "escaped apostrophes": "'" + "\\'" * 10_000,
    "backticks": "`" * 19_999,
    "dots": "x = " + "a." * 10_000,
    "colons": "x = " + "a::" * 7_000 + "!",
    "angles": "A" + "<A" * 10_000,
    "parentheses": "f" + "(" * 20_000,
    "closed parentheses": "f = (" + "):" * 10_000 + " => {",
    "braces": "f(" + "{ " * 10_000,
    "modifiers": "public " * 3_000 + "f(",
    "stars": "A " + "* " * 10_000 + "!",
    "equals": "a = " * 5_000,
    "impl": "impl" + "<a> for " * 2_500,
    "comments": "/*" * 10_000,
    "as": "A as " * 4_000,
    "names": "a_name " * 3_000,
    "commas": "f(" + "a, " * 7_000 + ") {",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_no_line_is_slow_to_read(case: str) -> None:
    """Also where a pattern sees all of it: the bound on what is read of a line hides no trap."""
    line = HOSTILE[case]
    started = time.process_time()
    for text in (f"{line}|\n", f"{line}\n    |", f"    {line}.|", f"{line}(\n{line}\n    |"):
        read(text)
    for pattern in (names._STRING, names._COMMENT):
        pattern.sub("", line)
    for pattern in (heads._TYPE, heads._FUNCTION, heads._ARROW, heads._BEFORE_PARAMETERS):
        pattern.match(line[: heads._MAX_CHARACTERS])
    for pattern in (surroundings._ANNOTATED, surroundings._MADE, surroundings._SAME):
        pattern.findall(line)
    for pattern in (surroundings._DECLARED, surroundings._GO_DECLARED, surroundings._AS):
        pattern.findall(line)
    assert time.process_time() - started < BOUND_S


@pytest.mark.parametrize(
    "text",
    [
        "|",
        "\n|",
        "x = 1\r\ndef f(a: A):\r\n    a.|\r\n",
        "".join(f"{'  ' * depth}if x{depth} {{\n" for depth in range(1_000)) + "  " * 1_000 + "|",
        "x = 1\n" * 5_000 + "|",
        "\ufeffx.|",
        "\0|\x0c\u2028",
    ],
)
def test_hostile_files_are_read(text: str) -> None:
    started = time.process_time()
    around = read(text)
    assert time.process_time() - started < BOUND_S
    assert len(around.functions) <= heads._MAX_LEVELS


def test_line_ends_are_no_part_of_what_is_read() -> None:
    text = "class A(Base):\n    def f(self, a: X):\n        self.b = a\n        a.|\n"
    assert read(text) == read(text.replace("\n", "\r\n"))


def test_of_a_very_long_line_what_is_near_the_cursor_counts() -> None:
    line = "far " * 4_000 + "near.|" + " behind" + " farther" * 1_000
    around = read(line)
    assert around.receiver == "near"
    assert {"near", "behind"} <= around.nearness.keys()


@given(st.lists(st.text(st.sampled_from("aZ_9 .=(\0\x1f\u00e9\u2028\u0660\U0001d400"))))
def test_many_lines_have_the_names_that_each_of_them_has(lines: list[str]) -> None:
    expected = [re.findall(r"\b[^\W\d]\w*", line) for line in lines]
    assert names.names_in(lines) == {name for of_line in expected for name in of_line}
    by_line = [[it for it in words if not it[0].isdigit()] for words in names.words_by_line(lines)]
    assert by_line == expected


def test_what_is_remembered_of_a_line_is_short() -> None:
    assert code("x" * 100_000) == "x" * names.MAX_READ_CHARACTERS
