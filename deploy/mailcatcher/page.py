"""The inbox page, and the same as JSON for programs and tests."""

from typing import Any

from flask import Flask, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from deploy.mailcatcher.inbox import Inbox, Mail

SHOWN_MAILS = 200

# Mails contain strangers' text: nothing in them may run, load or navigate.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'"
)
HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


def create_page(inbox: Inbox) -> Flask:
    """Return the Flask application of the inbox."""
    app = Flask(__name__)

    @app.get("/")
    def list_mails() -> str:
        mails = list(inbox.list_mails(SHOWN_MAILS))
        newest = mails[0].id if mails else ""
        return render_template("list.html", mails=mails, newest=newest, limit=SHOWN_MAILS)

    @app.get("/messages/<mail_id>")
    def show_mail(mail_id: str) -> str:
        return render_template("mail.html", mail=_get(inbox, mail_id))

    @app.get("/messages/<mail_id>/html")
    def show_html(mail_id: str) -> Response:
        # Links open in a new page: inside this frame, nothing else may load.
        html = '<base target="_blank">' + _get(inbox, mail_id).html
        response = Response(html, mimetype="text/html")
        response.headers["Content-Security-Policy"] = HTML_POLICY
        return response

    @app.get("/api/messages")
    def list_messages() -> ResponseReturnValue:
        address = request.args.get("to")
        mails = inbox.list_mails()
        return jsonify([_as_json(mail) for mail in mails if not address or mail.is_to(address)])

    @app.get("/healthz")
    def report_health() -> ResponseReturnValue:
        return jsonify(status="ok", newest=inbox.find_newest_id() or "")

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app


def _get(inbox: Inbox, mail_id: str) -> Mail:
    return inbox.find(mail_id) or abort(404, "There is no such mail, or it was deleted.")


def _as_json(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "from": mail.sender,
        "to": list(mail.recipients),
        "subject": mail.subject,
        "date": mail.received_at.isoformat(),
        "text": mail.text,
        "html": mail.html,
    }
