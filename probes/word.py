"""A closed list of words: a `StrEnum` for the type checker and for whoever uses one, without its price at start.

Importing `enum` takes 6 ms and each `StrEnum` 0.2 ms; a trace of a path 40 ms long has 60 ms for everything, and the
vocabulary has more than thirty such lists. These take 0.02 ms each [measured; docs/adr/0014-the-engine-starts-lean.md].
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import enum

    Word = enum.StrEnum
else:

    class _Words(type):
        """Makes each text in a class's body the one instance of the class that is equal to it."""

        def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
            texts = {key: text for key, text in body.items() if type(text) is str and not key.startswith("_")}
            made = super().__new__(meta, name, bases, {key: body[key] for key in body if key not in texts})
            made._by_value = {}
            for key, text in texts.items():
                word = str.__new__(made, text)
                word.name, word.value = key, text
                made._by_value[text] = word
                setattr(made, key, word)
            return made

        def __call__(cls, text: str) -> str:
            """Return the word of this text; ValueError where the list has none."""
            try:
                return cls._by_value[text]
            except (KeyError, TypeError):
                raise ValueError(f"{text!r} is not a valid {cls.__qualname__}") from None

        def __getitem__(cls, name: str) -> str:
            """Return the word that the source calls so; KeyError where there is none."""
            return cls.__members__[name]

        @property
        def __members__(cls) -> dict[str, str]:
            """Return every word by its name in the source."""
            return {word.name: word for word in cls}

        def __iter__(cls) -> object:
            return iter(cls._by_value.values())

        def __len__(cls) -> int:
            return len(cls._by_value)

        def __contains__(cls, text: object) -> bool:
            return text in cls._by_value

    class Word(str, metaclass=_Words):  # noqa: SLOT000 - `name` and `value` live in its dictionary
        """One word of a closed list; `value` is its text, `name` what the source calls it."""

        def __repr__(self) -> str:
            return f"<{type(self).__qualname__}.{self.name}: {self.value!r}>"

        def __reduce__(self) -> tuple[object, ...]:
            return type(self), (self.value,)

        def __copy__(self) -> str:
            return self

        def __deepcopy__(self, memo: object) -> str:
            return self

        @classmethod
        def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
            """Return how pydantic reads a word from a file: as it would an enum's value."""
            from pydantic_core import core_schema  # noqa: PLC0415 - only readers of files ask

            return core_schema.enum_schema(cls, list(cls), sub_type="str")
