"""What went wrong between a command and the server; read where no HTTP client is needed."""

from __future__ import annotations

from remediator.errors import RemediatorError


class ApiError(RemediatorError):
    """The server can't be reached, or answered with an error. `refused`: it was understood, and is no."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
