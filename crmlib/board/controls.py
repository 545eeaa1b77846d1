"""The filters of a page: single choices from the published options, with labels."""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets

from crmlib import i18n
from crmlib.board.source import Published


@dataclass(frozen=True, slots=True)
class Control:
    """A filter: the dimension that it chooses from and its label in English."""

    dimension: str
    label: str


def window() -> Control:
    """Choose the period."""
    return Control("window", i18n.mark("Period"))


def segment() -> Control:
    """Choose the segment of customers."""
    return Control("segment", i18n.mark("Segment"))


def region() -> Control:
    """Choose the region that customers are recorded in."""
    return Control("region", i18n.mark("Region"))


def channel() -> Control:
    """Choose the channel that customers bought most in during the period."""
    return Control("channel", i18n.mark("Main channel"))


def horizon() -> Control:
    """Choose over how many months moves between segments are followed."""
    return Control("horizon", i18n.mark("Followed over"))


class Choice:
    """A filter on the screen. A reader can send any value: only published ones are taken."""

    def __init__(self, control: Control, published: Published) -> None:
        self.control = control
        self._published = published
        self.widget = ipywidgets.Dropdown()
        self.widget.add_class("crm-control")

    def label(self, lang: str, window: str | None = None) -> None:
        """Write the label and the options in ``lang``.

        The choice stays, unless nobody of ``window`` belongs to it: then it is the default.
        """
        chosen = self.value
        options = list(self._published.options(self.control.dimension, lang, window=window))
        with self.widget.hold_sync():
            self.widget.description = i18n.text(self.control.label, lang)
            self.widget.options = options
            self.widget.value = chosen if chosen in {key for _, key in options} else options[0][1]

    @property
    def value(self) -> str:
        """The id that was chosen, or the default when that is not a published one."""
        allowed = [key for _, key in self._published.options(self.control.dimension, "en")]
        return self.widget.value if self.widget.value in allowed else allowed[0]
