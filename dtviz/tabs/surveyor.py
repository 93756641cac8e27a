"""Surveyor: finds what concerns all neurons in view, while one goes on; it can be stopped."""

import asyncio
from typing import Any

import panel as pn
import param

from dtviz.errors import DtvizError
from dtviz.study import Study
from dtviz.views import page


class Surveyor(pn.viewable.Viewer):
    """A button, how far it is, and a button to stop; in sight while there is something to find.

    Watch ``finished`` to hear that the study knows more.

    Args:
        study: whose neurons to survey.
    """

    start = param.Event(
        label="List for all neurons",
        doc="Rank all tokens for every neuron in view: Counts, Moments, the neuron table and a "
        "click on a token then know them all. It runs beside what you do.",
    )
    stop = param.Event(label="Cancel", doc="Stop; what was found so far is not kept.")
    is_needed = param.Boolean(doc="Whether not all is known.")
    is_running = param.Boolean(doc="Whether it is being found.")
    progress = param.String(doc="How far it is.")
    finished = param.Integer(doc="Counts how often all has been found.")

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.study = study
        self._is_stopped = False
        self.look()
        self.param.watch(self._run, "start")
        self.param.watch(self._stop, "stop")

    def look(self) -> None:
        """See whether there is something to find, after a change of options."""
        self.is_needed = not self.study.is_surveyed
        if not self.is_running:
            self.progress = ""

    def _stop(self, _: object) -> None:
        self._is_stopped = True

    async def _run(self, _: object) -> None:
        """Survey in a thread, some neurons at a time; between these the page is answered."""
        if self.is_running or self.study.is_surveyed:
            return
        wanted, n = self._wanted(), len(self.study.in_view)
        self._is_stopped, self.is_running = False, True
        if pn.state.curdoc is not None:  # for a page that is gone nobody waits
            pn.state.curdoc.on_session_destroyed(self._stop)
        self.progress = f"0 of {n:,} neurons"
        steps = self.study.survey()
        why = ""
        try:
            while not self._is_stopped and self._wanted() == wanted:
                done = await asyncio.to_thread(next, steps, None)
                if done is None:
                    break
                self.progress = f"{done:,} of {n:,} neurons"
            else:
                why = "stopped" if self._is_stopped else "stopped: other options are in force"
        except (DtvizError, MemoryError) as error:
            why = str(error) or "there is not enough memory"
        finally:
            steps.close()
            self.is_running = False
            self.progress = why
        if not why:
            # With the page's lock, as other changes of many views at once.
            pn.state.execute(self._finish, schedule=True)

    def _wanted(self) -> tuple[Any, ...]:
        return (self.study.products, self.study.ranking.k)

    def _finish(self) -> None:
        self.finished += 1

    def __panel__(self) -> pn.Row:
        small = {
            "height": 24,
            "width": 150,
            "margin": (0, 4),
            # Panel's design comes after this sheet: the selector has to outweigh its own.
            "stylesheets": ["button.bk-btn { padding: 0 8px; font-size: 13px; }"],
        }
        start, stop = (
            pn.widgets.Button.from_param(
                parameter, description=parameter.doc, color="primary", **small
            )
            for parameter in (self.param.start, self.param.stop)
        )
        start.visible = self.param.is_running.rx.not_()
        stop.visible = self.param.is_running.rx()
        stop.width = 60
        said = page.caption(self.param.progress)
        return pn.Row(start, stop, said, visible=self.param.is_needed.rx())
