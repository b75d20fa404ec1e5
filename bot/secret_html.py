"""The one-time page as HTML: one file, nothing from elsewhere, and a policy that runs only its own script."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path
from string import Template

_HERE = Path(__file__).parent
_FRAME = Template((_HERE / "secret.html").read_text(encoding="utf-8"))
_STYLE = (_HERE / "secret.css").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "secret.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; img-src data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # The token stands in the address: it must not travel on in a Referer.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Sent with every answer of the page."""

_FORM = Template("""<p>Ferrybot asks for the password of</p>
<p class="about">$about</p>
$fault<form method="post" autocomplete="off">
<label for="secret">Password</label>
<div class="field">
<input id="secret" name="secret" type="password" required maxlength="4096" autofocus autocomplete="off"
 autocapitalize="none" autocorrect="off" spellcheck="false" data-1p-ignore data-lpignore="true" $described>
<button id="show" type="button" aria-controls="secret" aria-pressed="false" hidden>Show</button>
</div>
<button id="send" class="main" type="submit">Hand over</button>
</form>
<p class="soft">It is encrypted at once and kept only for this migration. It never appears in Slack or in a log.
This page works once, and for ten minutes from when the link was made.</p>""")


def form(about: str, fault: str = "") -> str:
    """The form; `fault` says what was wrong with the submission before."""
    said = f'<p id="fault" class="bad" role="alert">{escape(fault)}</p>\n' if fault else ""
    body = _FORM.substitute(
        about=escape(about or "the source database"),
        fault=said,
        described='aria-describedby="fault" aria-invalid="true"' if fault else "",
    )
    return _page("Hand over a password", body, f"<script>{_SCRIPT}</script>")


def thanks() -> str:
    """After the password was taken."""
    return _page(
        "Thank you",
        "<p>The password was handed over.</p>"
        '<p class="soft">You can close this page and go back to Slack; the migration goes on there.</p>',
    )


def gone() -> str:
    """Unknown, used and expired links look the same: the page tells a stranger nothing."""
    return _page(
        "This link does not work any more",
        "<p>A link works once, and for ten minutes.</p>"
        '<p class="soft">Go back to Slack and press the button again for a new one.</p>',
    )


def trouble(said: str) -> str:
    """Something that is not the visitor's fault."""
    return _page("That did not work", f'<p>{escape(said)}</p><p class="soft">Go back to Slack and try again.</p>')


def insecure() -> str:
    """The page was asked for over a connection that others could read."""
    return _page(
        "This connection is not encrypted",
        "<p>A password is taken only over https.</p>"
        '<p class="soft">Open the link exactly as it stands in Slack. If it begins with http://, ask whoever runs '
        "Ferrybot to set PUBLIC_URL to an https address.</p>",
    )


def _page(title: str, body: str, script: str = "") -> str:
    return _FRAME.substitute(title=escape(title), style=_STYLE, body=body, script=script)
