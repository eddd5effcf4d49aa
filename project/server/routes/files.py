"""Files: uploads for jobs, and files that jobs have made."""

from typing import IO

from flask import Blueprint, Response, jsonify, request, send_file

from project.api.files import File, FileForm, serialize_file
from project.errors import InvalidInputError
from project.files import FileType
from project.server.openapi import FORM, Answer, describe
from project.server.problems import FORM_OVERHEAD_BYTES
from project.server.ranges import choose_range
from project.server.services import get_services

_SHEET_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)
"""A report may use any styles, but run no scripts."""
_PDF_POLICY = "frame-ancestors 'self'"
"""A browser's PDF viewer does not work in a sandbox, nor without its own styles and scripts."""
_OTHER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_POLICIES = {".html": _SHEET_POLICY, ".svg": _SHEET_POLICY, ".pdf": _PDF_POLICY}

blueprint = Blueprint("files", __name__, url_prefix="/api/v1")


@blueprint.post("/files")
@describe(
    "Upload a file",
    Answer(201, File, headers=("Location",)),
    tag="files",
    body=FileForm,
    body_type=FORM,
    problems=(413, 503),
)
def send() -> tuple[Response, int, dict[str, str]]:
    """The file itself as the body, or a form with the field `file`.

    The type is detected from the bytes; the name is ignored. Use the answer's `file` in a job's
    parameters. A file that no job uses is deleted after a day.
    """
    limit = get_services().settings.max_upload_bytes
    request.max_content_length = limit + FORM_OVERHEAD_BYTES
    stored = get_services().files.take(_read_stream(), limit)
    if not stored.size_bytes:
        get_services().files.delete(stored.id)
        raise InvalidInputError("The file is empty: choose another one.", field="file")
    document = serialize_file(stored)
    return jsonify(document), 201, {"Location": document["url"]}


@blueprint.get("/files/<file_id>")
@describe(
    "Get a file",
    Answer(200, text="The file.", content_type="*/*", headers=("Accept-Ranges", "ETag")),
    Answer(
        206,
        text="The part of the file that `Range` requests.",
        content_type="*/*",
        headers=("Accept-Ranges", "Content-Range", "ETag"),
    ),
    Answer(304, text="`If-None-Match` names this file.", headers=("ETag",)),
    tag="files",
    problems=(412, 416),
)
def get_file(file_id: str) -> Response:
    """A file that a client uploaded or a job made. The content under an id never changes.

    `Range` may request one range of bytes, as in `bytes=0-499`, also with `If-Range`. Several
    ranges, other units and invalid ranges are ignored: the answer is 200 and the whole file.
    """
    files = get_services().files
    size, found = files.size(file_id), files.type(file_id)
    environ = choose_range(request.environ, file_id, size)
    response = send_file(
        files.open(file_id),
        mimetype=found.content_type,
        max_age=24 * 3600,
        conditional=False,
        etag=False,
    )
    # Without a name: it would take precedence over the one in the page's link.
    response.headers["Content-Disposition"] = "inline" if found.is_shown else "attachment"
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    response.headers["Content-Security-Policy"] = _find_policy(found)
    response.content_length = size
    response.set_etag(file_id)
    response.make_conditional(environ, accept_ranges=True, complete_length=size)
    return response


def _find_policy(found: FileType) -> str:
    return _POLICIES.get(found.suffix, _OTHER_POLICY)


def _read_stream() -> IO[bytes]:
    if not request.mimetype.startswith("multipart/"):
        return request.stream
    for name in {*request.form, *request.files} - FileForm.model_fields.keys():
        raise InvalidInputError(f"There is no field {name!r} in this form.", field=name)
    sent = request.files.get("file")
    if sent is None:
        raise InvalidInputError("Send a file in the field `file`.", field="file")
    return sent.stream
