"""The errors that a user sees: what was seen, where, and what to do. Never a cell's value."""

from __future__ import annotations

from crmlib import i18n


class CrmError(Exception):
    """An error with a sentence in every language.

    Parameters
    ----------
    message
        English sentence, marked for translation; braces are filled from ``fields``.
    fields
        File names, column names, counts: never the content of a cell. A function is asked for
        its words in the language of the reader.
    """

    exit_code = 1

    def __init__(self, message: str, /, **fields: object) -> None:
        super().__init__(message, fields)
        self.message = message
        self.fields = fields

    def text(self, lang: str) -> str:
        """Say the error in ``lang``."""
        fields = {k: v(lang) if callable(v) else v for k, v in self.fields.items()}
        return i18n.text(self.message, lang, **fields)

    def __str__(self) -> str:
        """Say the error in English."""
        return self.text(i18n.DEFAULT_LANGUAGE)


class ConfigError(CrmError):
    """The configuration cannot be read or asks for something that does not exist."""

    exit_code = 2


class SourceError(CrmError):
    """A source file is missing, damaged or not what the configuration says."""


class ContractError(CrmError):
    """A table lacks columns or its columns do not keep the contract."""


class WorkspaceError(CrmError):
    """The workspace is missing, half-built, locked or of another version."""


class KeyLostError(CrmError):
    """The key of the pseudonyms is not there; without it customers would change their names."""


class TooFewCustomersError(CrmError):
    """There are too few customers for the question that was asked."""
