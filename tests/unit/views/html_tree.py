"""A page as a tree of elements, for the tests that look into it."""

# The overridden methods are the parser's; typing.override came with Python 3.12.
# mypy: disable-error-code="explicit-override"

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "input", "link"}


class Element:
    """One element: its tag, its attributes, and what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name) or ""

    @property
    def classes(self) -> list[str]:
        return self["class"].split()

    @property
    def text(self) -> str:
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, Element):
                yield from child._texts()
            else:
                yield child

    def all(self, tag: str = "", css_class: str = "", **attributes: str) -> Iterator["Element"]:
        """Yield the elements in this one with a tag, a class and attributes (`data_ttl` is data-ttl)."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        for child in self.children:
            if not isinstance(child, Element):
                continue
            fits = tag in {"", child.tag} and (not css_class or css_class in child.classes)
            if fits and all(child.attributes.get(name) == value for name, value in wanted.items()):
                yield child
            yield from child.all(tag, css_class, **attributes)

    def one(self, tag: str = "", css_class: str = "", **attributes: str) -> "Element":
        (found,) = self.all(tag, css_class, **attributes)
        return found


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute is twice in {tag}"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def tree_of(page: str) -> Element:
    """Return the document, refusing one whose tags do not match."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert len(builder.open) == 1
    return builder.open[0]
