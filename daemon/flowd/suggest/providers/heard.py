"""What has come of an answer so far."""

from collections.abc import Callable

from flowd.domain.usage import Tokens


class Heard:
    """Collects one answer, and calls `on_text` whenever more of it came.

    `finished` is set once the model said that this is all: a stream that ends without it was cut
    off. `tokens` is None until the server tells them.
    """

    def __init__(self, on_text: Callable[[str], None] = lambda _piece: None):
        self.text = ""
        self.finished = False
        self.tokens: Tokens | None = None
        self._on_text = on_text

    def tell(self, piece: str) -> None:
        """More text came."""
        if piece:
            self.text += piece
            self._on_text(piece)
