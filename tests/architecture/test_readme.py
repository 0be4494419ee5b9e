"""The README draws the flow from the table."""

from pathlib import Path

from deploy.cli.tables import flow_diagram

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_shows_the_flow_as_the_table_says_it() -> None:
    assert f"```mermaid\n{flow_diagram()}\n```" in README.read_text(), "Paste what `jobwire topics --mermaid` prints."
