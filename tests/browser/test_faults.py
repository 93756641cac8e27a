"""What goes wrong around a page is told on it, and what the user had is kept."""

import contextlib
import shutil
import socket

import pytest

from dtviz.app import App
from dtviz.explorer import Explorer
from tests.browser.conftest import between
from tests.conftest import GATED
from tests.serving import Command


@pytest.fixture
def start():
    """Start `dtviz explore`, each time at the same port."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    with contextlib.ExitStack() as ends:

        def start() -> Command:
            command = Command("--port", str(port))
            ends.callback(command.kill)
            return command

        yield start


def brush(gestures, neurons, low=1, high=4):
    """Draw a box on the strip, and wait until just the neurons in it are selected."""
    gestures.box("difference", low, -0.1, high, 1.1)
    chosen = between(neurons.set_index(neurons["name"]), "difference", low, high)
    assert chosen
    gestures.wait_for_selected(chosen)
    return chosen


def hears_of_the_loss(gestures):
    gestures.expect_text("Server gone")


def forget_errors(gestures):
    """Those of the connection that was lost."""
    gestures.errors[:] = [
        error
        for error in gestures.errors
        if "ERR_CONNECTION_REFUSED" not in error and "not connected" not in error
    ]


def test_a_page_outlives_its_server_and_is_as_it_was_when_that_is_back(gestures, start, demo):
    command = start()
    gestures.open(command.address)
    gestures.choose("Layer", "0")
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L0N0'")
    gestures.select(["L0N1", "L0N2"])
    gestures.open_tab("Sets")
    gestures.page.get_by_label("Name of the set").fill("mine")
    gestures.page.get_by_role("button", name="Save the selection").click()
    gestures.page.locator("tr[data-set]").wait_for()
    gestures.page.wait_for_url("**/explore#*layer=0*L0N2")
    command.kill()
    hears_of_the_loss(gestures)
    chosen = brush(gestures, Explorer(demo, layer=0).neurons)
    gestures.page.evaluate("() => { window.isOld = true }")
    start()
    gestures.page.wait_for_function("() => window.isOld == null")
    gestures.wait_until_drawn()
    gestures.wait_for_selected(chosen)
    assert gestures.data("sets")["name"] == ["mine"]
    assert gestures.data("neurons")["name"][0] == "L0N0"
    gestures.choose("Layer", "1")  # Python is there again
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L1N0'")
    forget_errors(gestures)


def test_a_connection_cut_in_the_middle_of_a_brush(gestures, serve, explorer, table):
    gestures.page.add_init_script(
        """window.sockets = []
        window.WebSocket = class extends WebSocket {
          constructor(...args) {
            super(...args)
            window.sockets.push(this)
          }
        }
        window.answered = []
        const {fetch} = window
        window.fetch = async (address, ...args) => {
          const answer = await fetch(address, ...args)
          window.answered.push(address)
          return answer
        }"""
    )
    gestures.open(serve(lambda: Explorer(explorer.model, layer=2).page()))
    gestures.page.evaluate("() => { window.isOld = true }")
    start, end = gestures.screen("difference", (1, -0.1), (4, 1.1))
    mouse = gestures.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move((start[0] + end[0]) / 2, end[1], steps=3)
    gestures.page.evaluate("() => window.sockets.forEach((socket) => socket.close())")
    hears_of_the_loss(gestures)
    # The server is there again: the page waits until the box is drawn.
    gestures.page.wait_for_function("() => window.answered.includes('favicon.ico')")
    mouse.move(*end, steps=3)
    mouse.up()
    chosen = between(table, "difference", 1, 4)
    gestures.page.wait_for_function("() => window.isOld == null")
    gestures.wait_until_drawn()
    gestures.wait_for_selected(chosen)
    forget_errors(gestures)


def test_a_browser_that_is_slow_brushes_right(gestures, serve, explorer, table):
    if gestures.page.context.browser.browser_type.name != "chromium":
        pytest.skip("only Chromium can be slowed down from outside")
    gestures.open(serve(explorer))
    slow = gestures.page.context.new_cdp_session(gestures.page)
    slow.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    brush(gestures, table)
    brush(gestures, table, -4, -1)


def test_of_an_analysis_that_raises_the_view_says_so_and_the_others_go_on(
    gestures, serve, explorer, monkeypatch, caplog
):
    def fail(*_):
        raise ZeroDivisionError("<b>by zero</b>")

    monkeypatch.setattr("dtviz.tabs.vectors.averaged_similarity", fail)
    gestures.open(serve(explorer))
    gestures.open_tab("Unembedding")
    gestures.expect_text("This went wrong: ZeroDivisionError: '<b>by zero</b>'.")
    assert "nobody thought of" in caplog.text  # with the traceback, for who serves it
    brush(gestures, explorer.neurons)
    gestures.open_tab("Counts", "counts")


@pytest.mark.parametrize("fate", ["replaced", "deleted"])
def test_a_checkpoint_that_is_gone_while_it_is_open(gestures, serve, gated, tmp_path, fate):
    path = tmp_path / "model.pt"
    shutil.copy(GATED, path)
    app = App(str(path))
    gestures.open(serve(app))
    if fate == "replaced":
        path.write_bytes(b"something else")
    else:
        path.unlink()
    gestures.choose("Layer", "0")  # the model in memory goes on
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L0N0'")
    gestures.choose("Model", "demo")
    gestures.expect_text("memory DT (demo)")
    gestures.choose("Model", "model.pt")
    gestures.expect_text("Expected")
    assert app.explorer.model.name == "memory DT (demo)"
