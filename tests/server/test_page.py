"""D6 and the page itself, in a real browser: what foreign texts do there, and what a person sees."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from framework0.context import browser_address
from framework0.server import ContextServer
from framework0.server.pages import FILES
from tests.ports import free_ports
from tests.server.browser import Browser
from tests.server.conftest import client_of
from tests.server.markup import SCRIPTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


@pytest.fixture
def server(start):
    # One of its own, for a server that comes back to it.
    return start(port=free_ports(1)[0])


@pytest.fixture
def client(server):
    return client_of(server)


@pytest.fixture
def page(browser, server):
    """The browser, let in to a server of this test's own."""
    browser.open("about:blank")
    browser.trouble.clear()
    browser.dialogs.clear()
    browser.requested.clear()
    browser.open(browser_address(server.url))
    browser.sees("live")
    yield browser
    assert browser.trouble == []
    assert browser.dialogs == []


def show(page, **wanted):
    page.look(f"location.hash = {json.dumps(urlencode(wanted))}")


def test_a_person_sees_keys_and_changes_as_they_happen(page, client):
    client.set("stock.screws", 10)
    page.sees("stock.screws")
    assert page.look("location.pathname") == "/"
    client.set("stock.screws", 12)
    page.sees("stock.screws = 12")
    rows = "[...document.querySelectorAll('#rows tr')].map((row) => row.innerText)"
    page.wait(lambda: "12" in "".join(page.look(rows)), "the row is brought up to date")
    client.delete("/v1/contexts/default/keys/stock.screws")
    page.sees("stock.screws removed")
    page.sees("This context is empty.")
    assert page.look("document.querySelectorAll('#changes li').length") == 3


def test_a_key_is_chosen_with_its_value_and_who_wrote_it(page, client):
    client.set("other", 1)
    with client.socket() as opened:
        by = {"who": "ada", "run": "r1", "step": "count"}
        opened.ask(type="set", id=1, key="stock", value={"nails": [1, 2]}, by=by)
        opened.ask(type="set", id=2, key="stock", value={"nails": [1, 2, 3]})
    button = "[...document.querySelectorAll('#rows button')].find((b) => b.textContent == 'stock')"
    page.wait(lambda: page.look(f"Boolean({button})"), "the key is in a row")
    page.look(f"{button}.click()")
    page.sees("all that is kept")
    value = json.dumps({"nails": [1, 2, 3]}, indent=2)
    page.wait(
        lambda: page.look("document.querySelector('#detail-value').textContent") == value,
        "the value is shown",
    )
    page.wait(
        lambda: "count of r1" in page.look("document.querySelector('#history').innerText"),
        "the history says who wrote it",
    )
    client.set("stock", "new")
    page.wait(
        lambda: page.look("document.querySelector('#history li .what').textContent") == '"new"'
    )
    page.look("document.querySelector('#close').click()")
    page.wait(lambda: page.look("document.querySelector('#detail').hidden"))


def test_keys_and_contexts_are_chosen_and_stay_in_the_address(page, client):
    for key in ("a.one", "a.two", "b.one"):
        client.set(key, key)
    client.put("/v1/contexts/team/keys/inside", 1)
    show(page, keys="a.*")
    page.sees("2 keys")
    assert "b.one" not in page.look("document.querySelector('#rows').innerText")
    client.set("b.two", 1)
    client.set("a.three", 1)
    page.sees("3 keys")
    show(page, keys="[*" + "*" * 100)
    page.wait(lambda: page.look("!document.querySelector('#trouble').hidden"))
    show(page, context="team")
    page.sees("inside")
    names = "[...document.querySelector('#namespace').options].map((one) => one.value)"
    page.wait(lambda: page.look(names) == ["default", "team"], "both contexts can be chosen")
    page.look("location.reload()")
    page.sees("inside")


def test_many_keys_come_a_part_at_a_time(page, client):
    writes = [{"key": f"k{number:04}", "value": number} for number in range(450)]
    client.post("/v1/contexts/many/transactions", {"writes": writes})
    show(page, context="many")
    for shown in ("200 or more keys", "400 or more keys", "450 keys"):
        page.sees(shown)
        page.look("document.querySelector('#more').click()")
    assert page.look("document.querySelector('#more').hidden")
    # In their order, also one that comes later.
    client.put("/v1/contexts/many/keys/k0100a", 1)
    page.sees("451 keys")
    keys = page.look("[...document.querySelectorAll('#rows button')].map((one) => one.textContent)")
    assert keys == sorted(keys)


def test_the_page_says_when_the_server_is_gone_and_what_to_do_when_its_session_is(page, server):
    port = server.port
    server.stop()
    page.sees("away, tries again")
    again = ContextServer(port, store="memory", workspace=server.workspace.root).start_async()
    try:
        page.sees("framework0 context browse")
        assert "not let in" in page.text()
    finally:
        again.stop()


def test_no_text_of_sixty_runs_as_a_script_in_any_place(page, client):
    hits = "window.hits = 0; window.hit = () => { window.hits += 1; };"
    page.look(hits)
    with client.socket() as opened:
        for number, text in enumerate(SCRIPTS):
            by = {"who": text, **({"run": text, "step": text} if number % 2 else {})}
            opened.ask(type="set", id=2 * number, key=text, value={text: [text]}, by=by)
            opened.ask(type="set", id=2 * number + 1, key=f"plain{number}", value=text, by=by)
    page.wait(lambda: page.look("document.querySelectorAll('#rows tr').length") == 2 * len(SCRIPTS))
    for text in SCRIPTS:
        show(page, key=text)
        page.wait(
            lambda text=text: page.look("document.querySelector('#detail-key').textContent") == text
        )
    page.sees("all that is kept")
    for text in SCRIPTS:
        # Also where the address itself says it: as a pattern, as a context that cannot be.
        show(page, keys=text, key=text)
        show(page, context=text)
        page.look("new Promise((done) => setTimeout(done, 5))")
    assert page.look("window.hits") == 0
    assert page.look("document.scripts.length") == 1
    own = f"http://localhost:{client.port}/"
    assert [one for one in page.requested if not one.startswith(own)] == []


def test_the_same_texts_do_run_where_markup_is_made_of_them(browser):
    # The control: were the page to make markup of them, the test above would notice.
    browser.open("about:blank")
    script = """(async () => {
            let ran = 0;
            for (const text of TEXTS) {
                window.hits = 0;
                window.hit = () => { window.hits += 1; };
                document.body.innerHTML = text;
                await new Promise((done) => setTimeout(done, WAIT));
                if (window.hits) ran += 1;
            }
            return ran;
        })()""".replace("TEXTS", json.dumps(SCRIPTS))
    # Some run once a picture could not be loaded: on a slow machine that takes its time.
    for wait in (10, 30, 100, 300, 1000):
        ran = browser.look(script.replace("WAIT", str(wait)))
        if ran >= 20:
            break
    assert ran >= 20


def test_the_page_of_another_place_sees_and_does_nothing(page, client, start):
    client.set("secret", "inside")
    own = f"http://localhost:{client.port}"
    other = client_of(start())
    # Of the same site for a browser, and therefore sent its cookie; not of the same origin.
    page.open(f"http://localhost:{other.port}/healthz")
    page.sees("ok")
    seen = page.look("""Promise.allSettled([
            fetch("OWN/v1/contexts/default/keys", {credentials: "include"}),
            fetch("OWN/", {credentials: "include", mode: "no-cors"}).then((a) => a.text()),
            fetch("OWN/v1/contexts/default/transactions",
                  {credentials: "include", mode: "no-cors", method: "POST", body: "{}"})
                .then((a) => a.text()),
        ]).then((all) => all.map((one) => one.value ?? "refused"))""".replace("OWN", own))
    assert all(one in {"refused", ""} for one in seen), seen
    assert [c["version"] for c in client.get("/v1/contexts/default/history").json["changes"]] == [1]
    page.trouble.clear()


def test_it_asks_for_each_file_once_and_for_nothing_else(page, client):
    own = f"http://localhost:{client.port}"
    # Nothing that the page before still asks for is counted.
    page.open("about:blank")
    page.requested.clear()
    page.open(f"{own}/")
    page.sees("live")
    page.wait(lambda: page.look("1") and len(page.requested) >= len(FILES) + 3)
    asked = [one.removeprefix(own) for one in page.requested]
    assert sorted(one for one in asked if one.startswith("/page/")) == sorted(set(FILES) - {"/"})
    assert len(asked) == len(FILES) + 3
