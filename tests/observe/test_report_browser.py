"""The report in a real browser: filters, keys, and model output that tries to take the page over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from synthetic_run import HOSTILE, write_run

from darkhorse.observe.report import write_report

pytestmark = pytest.mark.browser

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="SKIPPED: selenium is not installed")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("SKIPPED: the report was not tried in a browser; install chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(write_run(tmp_path_factory.mktemp("runs") / "first"))


@pytest.fixture
def browser(chromium: Any, page: Path) -> Any:
    """Chromium with the report freshly opened and its logs emptied."""
    chromium.get("about:blank")
    for log in ("performance", "browser"):
        chromium.get_log(log)
    chromium.get(page.as_uri())
    return chromium


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def choose(browser: Any, name: str, value: str) -> None:
    find(browser, f"#filter-{name} option[value='{value}']").click()


def count(browser: Any) -> int:
    return int(find(browser, ".count").text.split(" of ")[-1].replace(",", "").replace(" samples", ""))


def until(browser: Any, condition: Any) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 5, poll_frequency=0.05).until(lambda _: condition())


def test_a_person_finds_their_way_through_the_report(browser: Any) -> None:
    assert find(browser, "#run-name").text == "first"
    cells = [cell.text for cell in browser.find_elements("css selector", "#results tbody tr:first-child td .figure")]
    assert cells == ["4.0", "22.0", "48.0", "46.0"]
    ranges = [cell.text for cell in browser.find_elements("css selector", "#results tbody tr:first-child .range")]
    assert ranges[0] == "0.0 to 14.0 · 40 tasks · greedy 7.0 on 100"
    assert ranges[-1] == "42.0 to 56.0 · greedy 49.0 on 100"
    pills = browser.find_elements("css selector", "#results tbody tr:first-child .pill")
    assert [(pill.text, pill.get_attribute("class")) for pill in pills] == [
        ("+18.0", "pill open up"),
        ("+26.0", "pill up"),
        ("−2.0", "pill flat"),
    ]
    reward = find(browser, "[data-stage=reason] [data-chart=reward]")
    hover = "const svg = arguments[0].querySelector('svg'), box = svg.getBoundingClientRect();"
    hover += "svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.right}));"
    browser.execute_script(hover, reward)
    assert reward.find_element("css selector", ".readout").get_attribute("textContent").startswith("step 120: ")

    assert count(browser) == 960 + 961 + 4 * 60
    choose(browser, "stage", "reason")
    choose(browser, "mode", "train")
    assert count(browser) == 960
    choose(browser, "outcome", "abstained")
    assert count(browser) == 320
    assert {chip.text for chip in browser.find_elements("css selector", ".items .verdict")} == {"abstained"}
    choose(browser, "verifier", "math")
    choose(browser, "suite", "arithmetic")
    assert count(browser) == 160
    find(browser, "#filter-from").send_keys("10")
    find(browser, "#filter-to").send_keys("12")
    until(browser, lambda: count(browser) == 4)
    browser.find_elements("css selector", ".item")[1].click()
    assert "The sandbox did not answer." in find(browser, ".judged").text
    assert find(browser, ".block.thinking pre").text.startswith("I add ")
    assert find(browser, ".block.answer pre").text.startswith("The sum is ")


def test_keys_and_pages_walk_through_the_list(browser: Any) -> None:
    body = find(browser, "body")
    assert find(browser, ".item.on").get_attribute("data-position") == "0"
    body.send_keys("jjk")
    assert find(browser, ".item.on").get_attribute("data-position") == "1"
    browser.find_elements("css selector", ".pager button")[1].click()
    assert find(browser, ".count").text.startswith("51–100 of")
    assert find(browser, ".item.on").get_attribute("data-position") == "50"
    body.send_keys("k")
    assert find(browser, ".count").text.startswith("1–50 of")
    body.send_keys("/")
    browser.switch_to.active_element.send_keys("no such words")
    until(browser, lambda: count(browser) == 0)
    assert find(browser, ".items").text == "No sample matches."


def test_the_same_task_can_be_followed_through_the_stages(browser: Any) -> None:
    find(browser, ".detail .end button").click()
    task = find(browser, ".detail .title b").text
    assert find(browser, ".chip").text == f"task {task} ×"
    assert 0 < count(browser) < 100
    find(browser, ".chip").click()
    assert count(browser) > 2000


def test_hostile_samples_are_shown_as_text_and_nothing_is_fetched(browser: Any) -> None:
    find(browser, "#filter-search").send_keys("HOSTILE-end")
    until(browser, lambda: count(browser) == 1)
    # The driver cannot carry a lone surrogate; toWellFormed puts U+FFFD in its place.
    texts = "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent.toWellFormed())"
    shown = browser.execute_script(texts, ".detail .block pre")
    assert sum("<img src=x onerror='window.owned = 2'>" in text for text in shown) == 4
    assert browser.execute_script(texts, ".block.tool pre") == [HOSTILE.replace("\ud800", "\ufffd")]
    assert find(browser, ".block.tool mark").text == "hostile-end"
    assert browser.execute_script("return window.owned") is None
    assert not browser.find_elements("css selector", "main img, main script, main svg[onload]")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert {url.split(":", 1)[0] for url in asked} <= {"file", "data"}
    assert sum(url.startswith("file:") for url in asked) == 1
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_an_empty_run_opens_without_an_error(browser: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    browser.get(write_report(empty).as_uri())
    assert "No samples yet." in find(browser, "#samples").text
    assert "No evaluation has finished yet." in find(browser, "#results").text
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_theme_follows_the_system_and_the_button(browser: Any) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    light = browser.execute_script(background)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
    assert browser.execute_script(background) == "rgb(18, 21, 26)" != light
    find(browser, "#theme").click()
    assert browser.execute_script(background) == light
