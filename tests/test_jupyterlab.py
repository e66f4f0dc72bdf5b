"""A notebook opened by an analyst: the real JupyterLab, in a real browser, without a network."""

import shutil
from pathlib import Path

import pytest

from opsbook import site
from opsbook.records import Log
from opsbook.register import fold
from opsbook.store import Folder

pytestmark = pytest.mark.xdist_group("site")
ROOT = Path(__file__).parent.parent


@pytest.fixture
def lab(weekly, tmp_path, monkeypatch, jupyterlab):
    """JupyterLab on the built demo."""
    monkeypatch.chdir(weekly.place)
    site.bundle()
    with jupyterlab(weekly.place, tmp_path) as address:
        yield address


@pytest.fixture
def fresh(tmp_path, jupyterlab):
    """JupyterLab on a company that has settings and the form, and nothing else: place, address."""
    shutil.copytree(ROOT / "data/demo/settings", tmp_path / "place/data/demo/settings")
    (tmp_path / "place/notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/report.ipynb", tmp_path / "place/notebooks")
    with jupyterlab(tmp_path / "place", tmp_path) as address:
        yield tmp_path / "place", address


def test_a_notebook_runs_in_jupyterlab_and_draws_its_charts_offline(lab, notebook_page, run_all):
    page = notebook_page(lab, "baselines.ipynb")
    run_all(page, "figure.ob-chart")
    page.locator("figure.ob-chart").first.scroll_into_view_if_needed()
    page.locator(".ob-live svg").first.wait_for(timeout=30_000)
    assert page.locator(".ob-live svg").count() == page.locator("figure.ob-chart").count() > 0
    assert page.foreign == []


def test_the_form_reports_in_jupyterlab_with_a_few_clicks(fresh, notebook_page, run_all):
    place, address = fresh
    page = notebook_page(address, "report.ipynb")
    run_all(page, ".jp-OutputArea textarea")
    button = page.get_by_role("button", name="Enter the report")
    assert button.is_disabled()
    page.locator(".jp-OutputArea textarea").first.fill("It promised <i>a customer</i> a refund.")
    proposal = page.get_by_text("This is a P1: personal data may have reached the wrong person")
    proposal.wait_for(timeout=10_000)
    page.locator(".jp-OutputArea select").first.select_option("Support chat")
    for answer, asked in zip(("yes", "no", "yes", "no", "no"), range(5), strict=True):
        group = page.locator(".jp-OutputArea .widget-toggle-buttons").nth(asked)
        group.get_by_role("button", name=answer, exact=True).click()
    page.get_by_text("This is a P1: false information on safety or law reached a").wait_for()
    button.click()
    page.get_by_text("INC-2026-0001 is entered as a P1").wait_for(timeout=10_000)
    assert page.get_by_text("AI Lead by Mon 2026-11-23 09:00, within 60 minutes").is_visible()
    assert page.get_by_text("Pause the workflow: no further output leaves it.").is_visible()
    register = fold(Log(Folder(place / "data/demo")).events())
    told = register.incident("INC-2026-0001")
    assert (told.priority, told.workflow, told.external) == ("P1", "support-chat", "yes")
    assert register.count == 1
