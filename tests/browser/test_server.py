"""The server as a group meets it: signing in, places, uploads, nothing of one in another page."""

import re
import shutil

import pytest

from dtviz.server import serving
from dtviz.server.passwords import set_password
from dtviz.server.settings import Settings
from tests.conftest import GATED
from tests.serving import running


@pytest.fixture
def served():
    """Serve with settings; returns the address."""
    import contextlib

    with contextlib.ExitStack() as servers:

        def start(source="demo", **settings):
            made = running(lambda: serving.made(source, Settings(port=0, **settings)))
            return f"http://localhost:{servers.enter_context(made).port}/explore"

        yield start


def refused(gestures):
    """The statuses of answers of which the browser said that they were refused, once."""
    statuses = [int(re.search(r"status of (\d+)", error)[1]) for error in gestures.errors]
    gestures.errors.clear()
    return statuses


def test_who_signs_in_explores_and_takes_away(gestures, served, tmp_path):
    """All of a page works under the headers that the server sends."""
    passwords = tmp_path / "passwords.json"
    set_password(passwords, "ada", "lovelace")
    page = gestures.page
    page.goto(served(auth=str(passwords)))
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("byron")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").filter(has_text="Invalid").wait_for()
    assert refused(gestures) == [403]
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    page.get_by_role("button", name="Sign in").click()
    gestures.wait_until_drawn()
    gestures.box("difference", 1, -0.1, 4, 1.1)
    assert gestures.selected()
    for tab in ("Counts", "Moments", "Alike", "Distributions", "Across spaces", "Tables"):
        gestures.open_tab(tab)
        page.locator(".bk-tab.bk-active").get_by_text(tab, exact=True).wait_for()
    path = gestures.download(page.get_by_text("Download snapshot.html").click)
    assert path.stat().st_size > 1_000_000


def test_when_all_places_are_taken_the_page_says_so(browse, served):
    address = served(max_sessions=1)
    first, second = browse(), browse()
    first.open(address)
    second.page.goto(address)
    second.expect_text("All 1 places of this dtviz are taken")
    assert refused(second) == [503]
    assert first.selected() == []


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(gestures, served, tmp_path):
    large = tmp_path / "large.pt"
    large.write_bytes(bytes(1_500_000))
    gestures.open(served(max_upload=1))
    gestures.page.locator("input[type=file][accept*='.pt']").set_input_files(large)
    gestures.expect_text("Expected a file of at most 1 MB, got a larger one.")
    [error] = gestures.errors  # the widget says so there, too
    assert error.startswith("Upload error")
    gestures.errors.clear()


def test_nothing_of_one_page_is_in_another(browse, served, gated, tmp_path):
    shutil.copy(GATED, tmp_path / "secret.pt")
    address = served()
    first, second = browse(), browse()
    first.open(address)
    second.open(address)
    first.page.locator("input[type=file][accept*='.pt']").set_input_files(tmp_path / "secret.pt")
    first.page.wait_for_function(f"{first.HUB}.data.name[0] === 'L1N0'")
    first.box("difference", 0, -0.1, 4, 1.1)
    assert first.selected()
    first.open_tab("Sets")
    first.page.get_by_label("Name of the set").fill("mine")
    first.page.get_by_role("button", name="Save the selection").click()
    first.page.locator("tr[data-set]").wait_for()
    second.box("difference", -4, -0.1, 0, 1.1)  # this page is answered after the other
    assert second.selected()
    assert second.data("neurons")["name"][0] == "L2N0"
    second.open_tab("Sets")
    second.expect_text("No sets yet")
    second.page.get_by_role("combobox", name="Model").click()
    assert second.page.get_by_role("menuitem").all_inner_texts() == ["demo"]
