"""A plotly figure that is updated in place, drawn by the one plotly that a page loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from crmlib import i18n

STATIC = Path(__file__).parent / "static"
PLOTLY = "plotly-cartesian.min.js"
LOCALE = "plotly-locale-tr.js"


class Chart(anywidget.AnyWidget):
    """A chart on a page.

    plotly's own FigureWidget brings its 5 MB of script along for every figure at every visit;
    here the browser keeps one copy. The dashboards' template loads it. JupyterLab does not, so
    there the first chart asks the kernel for it.

    Attributes
    ----------
    figure
        ``data`` and ``layout`` as plotly.js wants them.
    lang
        Language of plotly's own words, its numbers and dates.
    """

    _esm = Path(__file__).parent / "chart.js"
    figure = traitlets.Dict().tag(sync=True)
    lang = traitlets.Enum(i18n.LANGUAGES, "tr").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._send_scripts)

    def _send_scripts(self, _widget: object, content: object, _buffers: object) -> None:
        if content == "scripts":
            self.send("scripts", [(STATIC / name).read_bytes() for name in (PLOTLY, LOCALE)])
