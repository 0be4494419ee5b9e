"""What `jobwire up` shows while it works: one line per part, live on a terminal, plain lines elsewhere, nothing when
quiet.
"""

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy.journey import Step
from deploy.local.fleet import Urls
from deploy.local.stack import Endpoints


class Display:
    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._parts: dict[str, str] = {}
        self._live: Live | None = None

    def say(self, part: str, sentence: str) -> None:
        """The newest sentence about a part."""
        self._parts[part] = sentence
        if not self._console.is_terminal:
            self._console.print(f"{part}: {sentence}", markup=False)
            return
        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=8)
            self._live.start()
        self._live.update(self._table())

    def close(self) -> None:
        """Leave the last state standing and print below it from now on."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._parts.clear()

    def line(self, text: str) -> None:
        self._console.print(text, markup=False)

    def step(self, step: Step) -> None:
        self._console.print(f"{step.number:>3}. {step.what}: {step.milliseconds:,.0f} ms", markup=False)

    def failure(self, what: str, what_to_do: str) -> None:
        self.close()
        self._errors.print(f"Failed: {what}\n{what_to_do}", markup=False, style="red")

    def invite(self, urls: Urls, endpoints: Endpoints, somebody: str) -> None:
        """Where everything is and how to get in."""
        mails = endpoints.mail_api_url or "the mail server that SMTP_URL names"
        self.line(
            f"""
Jobwire is running. Ctrl-C stops it; the data stay in .jobwire.

  The request form     {urls.leads}/en/requests/new  (/fr/ and /ja/ too)
  API documentation    {urls.gateway}/docs  (dashboard),  {urls.leads}/docs  (requests)
  Caught mails         {mails}

  Sign in as a partner:   open {urls.gateway}/en/sign-in and enter, say, {somebody};
                          its mail is caught, follow the link there, press the button,
                          and use the token it shows under "Authorize" in the API documentation.
  Sign in as a merchant:  send a request by the form with any address, follow the link in the
                          caught mail to confirm it, then sign in with that address the same way.
"""
        )

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for part, sentence in self._parts.items():
            mark = "[green]✓[/]" if "ready" in sentence or part == "Market" else "[yellow]…[/]"
            table.add_row(mark, part, sentence)
        return table
