"""The mail catcher's pages for people. Mails hold strangers' text, so nothing of them is trusted."""

from typing import Any

from markupsafe import Markup, escape

# The pages themselves run no script at all and load nothing from elsewhere.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# The mail's own HTML: `sandbox` holds also when somebody opens it outside the frame. Links open a new
# tab; pictures from elsewhere stay unloaded, as they would tell the sender who reads.
MAIL_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
        "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    ),
}

_PAGE = Markup("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1.5rem; color: #1b2430 }}
a {{ color: #0b5cad }} table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid #dde3ea }}
td {{ overflow-wrap: anywhere }} .new td {{ font-weight: 600 }} .quiet {{ color: #5a6675; font-weight: 400 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f7f9; padding: 1rem }}
.brief {{ white-space: nowrap }}
iframe {{ width: 100%; height: 40rem; border: 1px solid #dde3ea; background: #fff }}
</style></head><body>{body}</body></html>""")

_LIST = Markup("""<h1>Mails</h1><p class="quiet">{count}, newest first. Nothing here has left this machine.</p>
<table><thead><tr><th>To</th><th>Subject</th><th>From</th><th>Received</th></tr></thead>
<tbody>{rows}</tbody></table>""")
_ROW = Markup("""<tr class="{state}"><td class="brief">{to}</td>
<td><a href="/view/{id}">{subject}</a><br><span class="quiet">{snippet}</span></td>
<td class="brief">{sender}</td><td class="quiet brief">{received}</td></tr>""")
_MAIL = Markup("""<p><a href="/">All mails</a></p><h1>{subject}</h1>
{frame}<h2>Text</h2><pre>{text}</pre><h2>Headers</h2><table><tbody>{headers}</tbody></table>""")
_FRAME = Markup("""<iframe title="The mail as HTML" src="/view/{id}/html"
sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>""")
_HEADER = Markup("<tr><th>{name}</th><td>{value}</td></tr>")

# A link in the mail replaces nothing on the catcher's page: it opens beside it.
_DOCUMENT_HEAD = '<base target="_blank"><meta name="referrer" content="no-referrer">'


def list_page(summaries: list[dict[str, Any]], total: int) -> str:
    """The list of mails, given Mailpit summaries."""
    rows = Markup().join(_row(summary) for summary in summaries)
    count = "1 mail" if total == 1 else f"{total} mails"
    return _PAGE.format(title=f"Mails ({total})", body=_LIST.format(count=count, rows=rows))


def mail_page(mail: dict[str, Any], headers: dict[str, list[str]]) -> str:
    """One mail: the HTML part in a frame that can do nothing, the text, the headers."""
    lines = [_HEADER.format(name=name, value=value) for name, values in headers.items() for value in values]
    subject = mail["Subject"] or "(no subject)"
    body = _MAIL.format(
        subject=subject,
        frame=_FRAME.format(id=mail["ID"]) if mail["HTML"] else "",
        text=mail["Text"] or "(none)",
        headers=Markup().join(lines),
    )
    return _PAGE.format(title=subject, body=body)


def mail_document(html: str) -> str:
    """The mail's own HTML, unescaped on purpose: MAIL_HEADERS is what makes it harmless."""
    return _DOCUMENT_HEAD + html


def _row(summary: dict[str, Any]) -> Markup:
    people = [*summary["To"], *summary["Cc"], *summary["Bcc"]]
    return _ROW.format(
        state="" if summary["Read"] else "new",
        id=summary["ID"],
        to=Markup("<br>").join(escape(one["Address"]) for one in people),
        subject=summary["Subject"] or "(no subject)",
        snippet=summary["Snippet"],
        sender=summary["From"]["Name"] or summary["From"]["Address"],
        received=summary["Created"][:19].replace("T", " "),
    )
